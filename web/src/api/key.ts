import { useSyncExternalStore } from 'react';

/*
 * The service's API key, where it wants one: kept for this tab alone, never written into an address.
 */

const NAME = 'voxhelm.api-key';
const listeners = new Set<() => void>();
let needed = false;

function changed(): void {
  for (const listener of listeners) listener();
}

/** The key that the user gave, or null. */
export function readKey(): string | null {
  return sessionStorage.getItem(NAME);
}

/** Keeps the key and lets the pages ask again. */
export function giveKey(key: string): void {
  sessionStorage.setItem(NAME, key.trim());
  needed = false;
  changed();
}

/** The API refused for want of a key. */
export function needKey(): void {
  needed = true;
  changed();
}

/** True while the API wants a key that it has not got. */
export function useKeyNeeded(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => needed,
  );
}
