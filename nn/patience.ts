import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * How work whose steps may be long is stopped: what computes is in a thread, and the loop that asks it answers a stop while
 * a step is still under way.
 */

/**
 * After a step that took longer, a cancellation waits for the next one no longer than the patience: a pause must be answered
 * within 5 s, heartbeat and exit included.
 */
const LONG_STEP_MS = 1_500;
const PATIENCE_MS = 1_000;
/**
 * Where steps are long, what a stop may lose: the state is saved when so much has been done since it last was, and saving takes
 * a twentieth of the time at most. (It is not read after each step and kept: that would be as much memory as the weights and
 * the optimizer's state have, twice, and a third of the time of a network of 86 million weights.)
 */
const LOST_MS = 60_000;
const SAVING_SHARE = 0.05;

/** Keeps how far steps are saved, and says when they must be. */
export class Saves {
  /** The last step that is saved. */
  step: number;
  private lastMs = 0;
  private at = performance.now();
  private isLong = true;

  /** `step`: where the work goes on from. Its first step is taken for a long one: the engine prepares it. */
  constructor(step: number) {
    this.step = step;
  }

  /** True where the step before took so long that a stop must not wait for the next one. */
  get mayAbandon(): boolean {
    return this.isLong;
  }

  /** To be told of each step that was done. True: the state must be saved now. */
  afterStep(stepMs: number): boolean {
    const isLong = stepMs > LONG_STEP_MS;
    this.isLong = isLong;
    return isLong && performance.now() - this.at >= Math.max(LOST_MS, this.lastMs / SAVING_SHARE);
  }

  /** Saves the state of a step. */
  async save(step: number, saving: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    await saving();
    this.step = step;
    this.at = performance.now();
    this.lastMs = this.at - startedAt;
  }
}

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
