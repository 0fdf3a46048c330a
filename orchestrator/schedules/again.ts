/*
 * When a schedule tries again what came to nothing. A retraining that fails, or that somebody cancels, teaches no model, so
 * that its cases stay new; without a rule of its own each look would start it once more, for ever.
 */

/** A retraining on the same cases as are there now, that made no model. */
export interface VainAttempt {
  readonly endedAt: Date;
  /** A person ended it. */
  readonly cancelled: boolean;
  /** Why it ended. */
  readonly message: string;
}

/** Wait after the first failure; it doubles with each further one, up to a day. */
const FIRST_WAIT_MS = 10 * 60_000;
const LONGEST_WAIT_MS = 24 * 3_600_000;

/**
 * Why a schedule does not retrain now, as one or two sentences; null where it may. `attempts`: those since the last
 * retraining that was compared, or since files changed, newest first.
 */
export function whyNotAgain(attempts: readonly VainAttempt[], now: Date): string | null {
  const [last] = attempts;
  if (last === undefined) return null;
  if (last.cancelled) {
    return 'Not again: the retraining on these cases was cancelled. It waits for other cases, or for "trigger now".';
  }
  const waitMs = Math.min(FIRST_WAIT_MS * 2 ** (attempts.length - 1), LONGEST_WAIT_MS);
  const from = new Date(last.endedAt.getTime() + waitMs);
  if (now >= from) return null;
  const times = attempts.length === 1 ? 'failed' : `failed ${attempts.length} times`;
  return `Not again before ${from.toISOString()}, unless cases change: the retraining on these ${times} (${last.message}).`;
}
