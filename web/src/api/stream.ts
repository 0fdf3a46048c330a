import { createParser } from 'eventsource-parser';
import { request } from './client.ts';
import { connectionChanged } from './connection.ts';

/** What {@link follow} tells. */
export interface StreamHandlers {
  /** A connection stands: whatever the messages do not repeat is to be read anew. */
  readonly onOpen?: () => void;
  readonly onMessage: (type: string, data: unknown) => void;
}

/** Waits between attempts, milliseconds: the first soon, for most breaks are short. */
const WAITS_MS = [250, 500, 1_000, 2_000, 5_000];
/** The server says something every second or so; silence for this long is a dead connection. */
const SILENCE_MS = 15_000;

/**
 * Follows server-sent events until the signal aborts. Comes back by itself after the last event's id, so that no recorded
 * event is missed. `fetch` instead of EventSource: the key goes into a header.
 */
export async function follow(path: string, handlers: StreamHandlers, signal: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await readOnce(
        path,
        lastId,
        {
          ...handlers,
          onOpen: () => {
            failures = 0;
            connectionChanged(path, true);
            handlers.onOpen?.();
          },
        },
        (id) => {
          lastId = id;
        },
        signal,
      );
    } catch {
      // Told by the banner; the next attempt follows.
    }
    if (signal.aborted) break;
    connectionChanged(path, false);
    await pause(WAITS_MS[Math.min(failures, WAITS_MS.length - 1)] ?? 5_000, signal);
    failures += 1;
  }
  connectionChanged(path, null);
}

/** Reads one connection to its end. */
async function readOnce(
  path: string,
  lastId: string | undefined,
  handlers: StreamHandlers,
  onId: (id: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const silent = new AbortController();
  const response = await request(path, {
    headers: { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
    signal: AbortSignal.any([signal, silent.signal]),
  });
  if (response.body === null) return;
  handlers.onOpen?.();
  const parser = createParser({
    onEvent: (event) => {
      if (event.id !== undefined) onId(event.id);
      handlers.onMessage(event.event ?? 'message', JSON.parse(event.data));
    },
  });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let timer = setTimeout(() => silent.abort(), SILENCE_MS);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      clearTimeout(timer);
      if (done) return;
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
      parser.feed(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
