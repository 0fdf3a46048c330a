/** How the page is coloured: as the system says, or as the user chose. */
export type Theme = 'system' | 'light' | 'dark';

const NAME = 'voxhelm.theme';

/** The theme that the user chose, kept on this machine. */
export function readTheme(): Theme {
  const kept = localStorage.getItem(NAME);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}

/** Keeps a theme and applies it. */
export function chooseTheme(theme: Theme): void {
  localStorage.setItem(NAME, theme);
  applyTheme();
}

/** Brings the kept theme onto the page. */
export function applyTheme(): void {
  const theme = readTheme();
  const dark = theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  document.documentElement.dataset['theme'] = dark ? 'dark' : 'light';
  dispatchEvent(new Event('voxhelm-theme'));
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme);
