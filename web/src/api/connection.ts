import { useSyncExternalStore } from 'react';

/*
 * Whether the service answers: the live streams that pages follow, and requests, tell; one banner tells of all of them.
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

/** What of the service is asked while it is away: its process alone answers it. */
const ALIVE = '/health';
const ASK_EVERY_MS = 2_000;
let asking = false;

/** A request had no answer: that is told until the service answers again. */
export function serviceAway(): void {
  if (asking) return;
  asking = true;
  connectionChanged('requests', false);
  const ask = (): void => {
    fetch(ALIVE, { cache: 'no-store' }).then(
      () => {
        asking = false;
        connectionChanged('requests', null);
      },
      () => setTimeout(ask, ASK_EVERY_MS),
    );
  };
  setTimeout(ask, ASK_EVERY_MS);
}

/** From now on a computer that loses its network tells so at once, whatever the page asks for. */
export function watchNetwork(): void {
  addEventListener('offline', serviceAway);
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
