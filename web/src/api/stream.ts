import { createParser } from 'eventsource-parser';
import { get, request } from './client.ts';
import { connectionChanged } from './connection.ts';
import { ApiError } from './problem.ts';

/** What {@link follow} tells. */
export interface StreamHandlers {
  /**
   * A connection stands and its first message is here, so that the server has taken the place from which it tells news:
   * whatever the messages do not repeat is to be read anew now.
   */
  readonly onOpen?: () => void;
  readonly onMessage: (type: string, data: unknown) => void;
  /** The service refuses for good (the run was deleted): nobody comes back by themselves. */
  readonly onRefused?: (error: ApiError) => void;
}

/** Waits between attempts, milliseconds: the first soon, for most breaks are short. */
const WAITS_MS = [250, 500, 1_000, 2_000, 5_000];
/** The server says something every second or so; silence for this long is a dead connection. */
const SILENCE_MS = 15_000;

/**
 * Follows server-sent events until the signal aborts or the service refuses. Comes back by itself after the last event's id,
 * so that no recorded event is missed. `fetch` instead of EventSource: the key goes into a header.
 */
export async function follow(path: string, handlers: StreamHandlers, signal: AbortSignal): Promise<void> {
  let lastId: string | undefined;
  let failures = 0;
  const onOpen = (): void => {
    failures = 0;
    connectionChanged(path, true);
    handlers.onOpen?.();
  };
  const onId = (id: string): void => {
    lastId = id;
  };
  while (!signal.aborted) {
    try {
      await readOnce(path, lastId, { ...handlers, onOpen }, onId, signal);
    } catch (error) {
      if (isRefusal(error) && !signal.aborted) {
        handlers.onRefused?.(error);
        break;
      }
      // Told by the banner; the next attempt follows.
    }
    if (signal.aborted) break;
    connectionChanged(path, false);
    await pause(waitMs(failures), signal);
    failures += 1;
  }
  connectionChanged(path, null);
}

/**
 * Reads JSON that a stream does not repeat; while the service is away the banner says so and the next attempt follows. null
 * where the signal aborted or the service refuses.
 */
export async function readSurely<T>(path: string, signal: AbortSignal): Promise<T | null> {
  try {
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        return await get<T>(path, signal);
      } catch (error) {
        if (signal.aborted || isRefusal(error)) return null;
        connectionChanged(path, false);
      }
      await pause(waitMs(failures), signal);
    }
    return null;
  } finally {
    connectionChanged(path, null);
  }
}

/** A refusal stays one; a service that is away or busy comes back. */
function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status >= 400 && error.status < 500 && ![408, 429].includes(error.status);
}

const waitMs = (failures: number): number => WAITS_MS[Math.min(failures, WAITS_MS.length - 1)] ?? 5_000;

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
  let open = false;
  const parser = createParser({
    onEvent: (event) => {
      if (!open) handlers.onOpen?.();
      open = true;
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
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
  });
}
