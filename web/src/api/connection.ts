import { useSyncExternalStore } from 'react';

/*
 * Whether the live streams that pages follow stand: one banner tells of all of them.
 */

/** A break that mends itself sooner is not worth a word. */
const TELL_AFTER_MS = 1_200;

const streams = new Map<string, boolean>();
const listeners = new Set<() => void>();
let lost = false;
let timer: ReturnType<typeof setTimeout> | undefined;

/** A stream stands (true), is broken (false), or nobody follows it any more (null). */
export function connectionChanged(stream: string, stands: boolean | null): void {
  if (stands === null) streams.delete(stream);
  else streams.set(stream, stands);
  clearTimeout(timer);
  const now = [...streams.values()].includes(false);
  if (now === lost) return;
  if (now) timer = setTimeout(() => tell(true), TELL_AFTER_MS);
  else tell(false);
}

function tell(now: boolean): void {
  lost = now;
  for (const listener of listeners) listener();
}

/** True while a stream that a page follows is broken. */
export function useConnectionLost(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => lost,
  );
}
