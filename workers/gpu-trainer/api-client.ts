import {
  IntermediateReply,
  type IntermediateReport,
  type MetricBatch,
  type ProgressUpdate,
} from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { MetricPoint, TrialProgress } from '@voxhelm/contracts/trial';

/** Which attempt speaks, and to whom. */
export interface TrialApiOptions {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly trialId: string;
  readonly lease: number;
  readonly attempt: number;
  /** Points that an earlier attempt left unsent. */
  readonly unsent?: readonly MetricPoint[];
  /** Called once, when the API refused this attempt (superseded, unknown, malformed) or stayed away for too long. */
  onRefused(error: VoxhelmError): void;
  log(message: string, fields: Readonly<Record<string, unknown>>): void;
  /** Milliseconds between batches. */
  readonly flushEveryMs?: number;
  /** Longest wait between two tries. */
  readonly maxBackoffMs?: number;
  /** How long the API may be away before the attempt is given up (another one goes on from its checkpoint). */
  readonly giveUpMs?: number;
  /** Points kept at most; beyond it `addPoints` waits, so that none is lost. */
  readonly bufferLimit?: number;
}

/** The trainer's side of `/v1/trials/{trialId}`. */
export interface TrialApi {
  /** Queues points; resolves at once while there is room, and waits for the API otherwise. */
  addPoints(points: readonly MetricPoint[]): Promise<void>;
  /** Tells where the trial stands; only the newest matters, and one that cannot be sent is dropped. */
  progress(progress: TrialProgress): void;
  /** Reports a validation's value and waits for the pruner's recorded answer. */
  report(step: number, value: number, cases?: Readonly<Record<string, number>>): Promise<IntermediateReply>;
  /** Resolves when every queued point was taken; rejects where the API refused them or `timeoutMs` passed. */
  flush(timeoutMs?: number): Promise<void>;
  /** Points not yet taken by the API, oldest first: kept with the checkpoint. */
  unsent(): MetricPoint[];
  /** Stops sending; what is unsent stays unsent. */
  close(): void;
}

const BATCH_POINTS = 2_000; // MetricBatch takes at most 5,000.
const REQUEST_TIMEOUT_MS = 15_000;

/** Opens the way to the API for one attempt of a trial. */
export function openTrialApi(options: TrialApiOptions): TrialApi {
  const { lease, attempt } = options;
  const bufferLimit = options.bufferLimit ?? 100_000;
  const life = new AbortController();
  const buffer: MetricPoint[] = [...(options.unsent ?? [])];
  let pump: Promise<void> | null = null;
  let newest: TrialProgress | null = null;
  let progressInFlight = false;

  /** Sends until the API takes it; throws where it refuses or stays away for too long. */
  async function insist(path: string, body: unknown): Promise<unknown> {
    const deadline = performance.now() + (options.giveUpMs ?? 15 * 60_000);
    for (let waitMs = 200; ; waitMs = Math.min(waitMs * 2, options.maxBackoffMs ?? 5_000)) {
      try {
        return await send(path, body);
      } catch (error) {
        life.signal.throwIfAborted();
        const failure = error as VoxhelmError;
        if (failure.code !== 'unavailable' || performance.now() + waitMs > deadline) {
          refuse(failure);
          throw failure;
        }
        options.log('the API does not answer; trying again', { path, reason: failure.message, waitMs });
        await sleep(waitMs, life.signal);
      }
    }
  }

  async function send(path: string, body: unknown): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(new URL(`/v1/trials/${encodeURIComponent(options.trialId)}/${path}`, options.url), {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(options.apiKey === undefined ? {} : { authorization: `Bearer ${options.apiKey}` }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.any([life.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]),
      });
      const text = await response.text();
      if (response.ok) return text === '' ? null : JSON.parse(text);
      throw errorOf(response.status, path, text);
    } catch (error) {
      if (error instanceof VoxhelmError) throw error;
      const reason =
        error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : `${error}`;
      throw new VoxhelmError('unavailable', `the API does not answer at ${options.url}: ${reason}`, { cause: error });
    }
  }

  function refuse(error: VoxhelmError): void {
    if (life.signal.aborted) return;
    life.abort(error);
    clearInterval(timer);
    options.onRefused(error);
  }

  async function sendAll(): Promise<void> {
    while (buffer.length > 0) {
      const points = buffer.slice(0, BATCH_POINTS);
      await insist('metrics', { lease, attempt, points } satisfies MetricBatch);
      buffer.splice(0, points.length);
    }
  }

  function startPump(): Promise<void> {
    pump ??= sendAll().finally(() => {
      pump = null;
    });
    return pump;
  }

  function sendProgress(): void {
    if (newest === null || progressInFlight || life.signal.aborted) return;
    const update: ProgressUpdate = { lease, attempt, progress: newest };
    newest = null;
    progressInFlight = true;
    send('progress', update)
      .catch((error: VoxhelmError) => {
        if (error.code !== 'unavailable') refuse(error);
      })
      .finally(() => {
        progressInFlight = false;
        sendProgress();
      });
  }

  // A refusal reaches the job by onRefused; the timer itself has nobody to tell.
  const timer = setInterval(() => void startPump().catch(() => undefined), options.flushEveryMs ?? 2_000);
  timer.unref();

  return {
    async addPoints(points) {
      life.signal.throwIfAborted();
      buffer.push(...points);
      while (buffer.length > bufferLimit) await startPump();
    },
    progress(progress) {
      newest = progress;
      sendProgress();
    },
    async report(step, value, cases) {
      life.signal.throwIfAborted();
      return IntermediateReply.parse(
        await insist('reports', {
          ...{ lease, attempt, step, value },
          ...(cases === undefined ? {} : { cases: { ...cases } }),
        } satisfies IntermediateReport),
      );
    },
    async flush(timeoutMs) {
      life.signal.throwIfAborted();
      const sent = (async () => {
        while (buffer.length > 0) await startPump();
      })();
      if (timeoutMs === undefined) return sent;
      const clock = new AbortController();
      const late = sleep(timeoutMs, clock.signal).then(() => {
        throw new VoxhelmError(
          'unavailable',
          `the API did not take the last ${buffer.length} points in ${timeoutMs} ms`,
        );
      });
      sent.catch(() => undefined);
      late.catch(() => undefined);
      await Promise.race([sent, late]).finally(() => clock.abort());
    },
    unsent: () => [...buffer],
    close() {
      clearInterval(timer);
      if (!life.signal.aborted) life.abort(new VoxhelmError('cancelled', 'the attempt has ended'));
    },
  };
}

/** An answer that is no success, put into the closed set of errors. */
function errorOf(status: number, path: string, text: string): VoxhelmError {
  const message = `the API answered ${path} with ${status}: ${text.slice(0, 500)}`;
  if (status === 409) return new VoxhelmError('conflict', `this attempt is superseded by a later one (${path})`);
  if (status === 401 || status === 403) {
    return new VoxhelmError('unauthorized', message, { fix: 'Set VOXHELM_API_KEY of the trainer to the API key.' });
  }
  if (status === 404) return new VoxhelmError('not-found', message);
  if (status >= 500 || status === 429 || status === 408) return new VoxhelmError('unavailable', message);
  return new VoxhelmError('invalid-request', message);
}

/** Waits; rejects with the signal's reason where it is aborted first. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', stopped, { once: true });
    if (signal.aborted) stopped();
    function done(): void {
      signal.removeEventListener('abort', stopped);
      resolve();
    }
    function stopped(): void {
      clearTimeout(timer);
      reject(signal.reason as Error);
    }
  });
}
