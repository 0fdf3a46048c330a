import { useEffect, useRef } from 'react';
import { useLocation } from 'wouter';

const KEYS: readonly [string, string][] = [
  ['g then r', 'Runs'],
  ['g then s', 'Submit'],
  ['g then d', 'Datasets'],
  ['g then c', 'Schedules'],
  ['g then w', 'Workers and storage'],
  ['/', 'Filter the list'],
  ['n / p', 'Next / previous case (in the viewer)'],
  ['↑ / ↓', 'Next / previous axial slice (in the viewer)'],
  ['← / →', 'Next / previous sagittal slice (in the viewer)'],
  ['page keys', 'Next / previous coronal slice (when the viewer has the focus)'],
  ['?', 'This list'],
];

const PLACES: Readonly<Record<string, string>> = {
  r: '/',
  s: '/submit',
  d: '/datasets',
  c: '/schedules',
  w: '/workers',
};

/** True where a key that is pressed is meant for a field. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  return (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
    (target instanceof HTMLInputElement && !WITHOUT_TEXT.test(target.type)) ||
    target.isContentEditable
  );
}

/** True while a dialog waits for an answer: a page's keys must not lead away from it. */
export function isAsking(): boolean {
  return document.querySelector('dialog[open]') !== null;
}

/** Inputs that take no letters: a slider that was just moved must not swallow a page's keys. */
const WITHOUT_TEXT = /^(range|checkbox|radio|button|submit|file|color)$/;

/** True where arrows belong to what has the focus (a slider moves by them), not to the page. */
export function keepsArrows(event: KeyboardEvent): boolean {
  return isTyping(event) || event.target instanceof HTMLInputElement;
}

/** Keys that work on every page, and their list under "?". */
export function Shortcuts() {
  const [, go] = useLocation();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    let leading = false;
    const onKey = (event: KeyboardEvent): void => {
      if (isTyping(event) || isAsking()) return;
      const place = leading ? PLACES[event.key] : undefined;
      leading = event.key === 'g';
      if (place !== undefined) go(place);
      else if (event.key === '?') dialog.current?.showModal();
      else if (event.key === '/') {
        const field = document.querySelector<HTMLInputElement>('input[type=search]');
        if (field === null) return;
        event.preventDefault();
        field.focus();
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [go]);
  return (
    <dialog ref={dialog} aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl className="facts">
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
