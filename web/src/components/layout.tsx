import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useConnectionLost } from '../api/connection.ts';
import { chooseTheme, readTheme, type Theme } from '../theme.ts';
import { Shortcuts } from './shortcuts.tsx';

const PLACES = [
  ['/', 'Runs'],
  ['/submit', 'Submit'],
  ['/datasets', 'Datasets'],
  ['/schedules', 'Schedules'],
  ['/workers', 'Workers'],
] as const;

const THEMES: readonly { theme: Theme; name: string }[] = [
  { theme: 'system', name: 'System' },
  { theme: 'light', name: 'Light' },
  { theme: 'dark', name: 'Dark' },
];

/** What stands around every page: where to go, the theme, and a word when the live connection is lost. */
export function Layout({ children }: { readonly children: ReactNode }) {
  const [path] = useLocation();
  const [theme, setTheme] = useState(readTheme);
  const lost = useConnectionLost();
  const main = useRef<HTMLElement>(null);
  const shown = useRef(path);
  // A new page starts at its top. Where what had the focus went with the old page, the keyboard goes on at the new one.
  useEffect(() => {
    if (shown.current === path) return;
    shown.current = path;
    scrollTo(0, 0);
    if (document.activeElement === document.body) main.current?.focus({ preventScroll: true });
  }, [path]);
  const isHere = (place: string): boolean =>
    place === '/' ? path === '/' || path.startsWith('/runs') || path.startsWith('/compare') : path.startsWith(place);
  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <Link href="/" className="brand">
          <img src="/voxhelm.svg" alt="" width="24" height="24" /> Voxhelm
        </Link>
        <nav aria-label="Main">
          {PLACES.map(([place, name]) => (
            <Link key={place} href={place} aria-current={isHere(place) ? 'page' : undefined}>
              {name}
            </Link>
          ))}
        </nav>
        <label className="theme">
          <span className="hidden">Theme</span>
          <select
            value={theme}
            onChange={(event) => {
              const chosen = event.target.value as Theme;
              setTheme(chosen);
              chooseTheme(chosen);
            }}
          >
            {THEMES.map((each) => (
              <option key={each.theme} value={each.theme}>
                {each.name}
              </option>
            ))}
          </select>
        </label>
      </header>
      <div role="status" className={lost ? 'banner' : 'hidden'}>
        {lost ? 'The connection to the service is lost. Trying again; nothing is missed.' : ''}
      </div>
      <main id="main" ref={main} tabIndex={-1}>
        {children}
      </main>
      <Shortcuts />
    </>
  );
}
