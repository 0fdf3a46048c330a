import { useSyncExternalStore } from 'react';

/*
 * The service's API key, where it wants one: kept for this tab alone, never written into an address.
 */

const NAME = 'voxhelm.api-key';
const listeners = new Set<() => void>();
let needed = false;
let refused = false;

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
  refused = false;
  changed();
}

/** The API refused for want of a key, or because of the one it got, which is forgotten. */
export function needKey(): void {
  if (readKey() !== null) {
    refused = true;
    sessionStorage.removeItem(NAME);
  }
  needed = true;
  changed();
}

/** True where the key that was given last is not the service's. */
export function wasKeyRefused(): boolean {
  return refused;
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
