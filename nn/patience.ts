import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * How work whose steps may be long is stopped: what computes is in a thread, and the loop that asks it answers a stop while
 * a step is still under way.
 */

/**
 * After a step that took longer, the state is kept at hand, and a cancellation waits for the next one no longer than the
 * patience: a pause must be answered within 5 s, heartbeat and exit included.
 */
export const LONG_STEP_MS = 1_500;
const PATIENCE_MS = 1_000;

/** Waits for some work; false where the signal aborts and the work does not end soon after. */
export async function finishesUnlessAborted(working: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: () => void = () => undefined;
  const tooLong = new Promise<false>((resolve) => {
    onAbort = () => {
      timer = setTimeout(() => resolve(false), PATIENCE_MS);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([working.then(() => true), tooLong]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Thrown to end the work in the middle of a step, with what its caller shall see. */
export class Abandoned extends Error {
  readonly reason: VoxhelmError;

  constructor(reason: VoxhelmError) {
    super(reason.message);
    this.reason = reason;
  }
}

/** The error of work that was told to stop. */
export function cancelledAfter(what: string, step: number): VoxhelmError {
  return new VoxhelmError('cancelled', `${what} was cancelled after step ${step}`, { details: { step } });
}

/**
 * Does some work with an engine and closes it. A stop while it opens throws `cancelled()`; a step that the work abandons is
 * not waited for: the engine's thread ends with the process.
 */
export async function usingEngine<E extends { close(): Promise<void> }, T>(
  opening: Promise<E>,
  signal: AbortSignal,
  cancelled: () => Error,
  work: (engine: E) => Promise<T>,
): Promise<T> {
  if (!(await finishesUnlessAborted(opening, signal))) {
    opening.then((engine) => engine.close()).catch(() => undefined);
    throw cancelled();
  }
  const engine = await opening;
  let abandoned = false;
  try {
    return await work(engine);
  } catch (error) {
    abandoned = error instanceof Abandoned;
    throw abandoned ? (error as Abandoned).reason : error;
  } finally {
    const closed = engine.close();
    if (!abandoned) await closed;
    else closed.catch(() => undefined);
  }
}
