import { FINAL_RUN_STATES, type RunStage, type RunState } from '@voxhelm/contracts/run';

/** Where each stage begins and ends on a run's progress bar; training is nearly all of the time. */
const STAGE_SPAN: Readonly<Record<RunStage, readonly [number, number]>> = {
  queued: [0, 0],
  analysis: [0.01, 0.04],
  planning: [0.04, 0.08],
  search: [0.08, 0.92],
  folds: [0.08, 0.92],
  ensemble: [0.92, 0.99],
  done: [1, 1],
};

/** Below this much of the bar its speed says nothing of the end. */
const SPEED_KNOWN_FROM = 0.1;

/** Training steps over a run's trials; a trial that is over counts whole, however early it was stopped. */
export interface StepTotals {
  readonly trials: number;
  readonly steps: number;
  readonly done: number;
  readonly finished: number;
  readonly running: number;
  /** Time that trainers spent on trials, seconds. */
  readonly deviceSeconds: number;
  /** Of the milliseconds a step in finished trainings: how many there are, and standard deviation over mean. */
  readonly paces: number;
  readonly paceVariation: number;
}

/** What of a run's row tells how far it is. Times in milliseconds since 1970. */
export interface RunClock {
  readonly state: RunState;
  readonly stage: RunStage;
  readonly progress: number;
  readonly plannedTrials: number | null;
  readonly plannedUntilMs: number | null;
  readonly startedAtMs: number | null;
  readonly finishedAtMs: number | null;
  readonly pausedAtMs: number | null;
  readonly pausedMs: number;
}

/**
 * The share (0..1) of the run that is done. Trials that the plan foresees but that do not exist yet count with the mean
 * steps of those that do, so the bar does not jump back when they appear.
 */
export function runProgress(run: RunClock, totals: Pick<StepTotals, 'trials' | 'steps' | 'done'> | undefined): number {
  if (run.state === 'completed') return 1;
  const [from, to] = STAGE_SPAN[run.stage];
  const stored = Math.min(1, Math.max(0, run.progress));
  if ((run.stage !== 'search' && run.stage !== 'folds') || totals === undefined || totals.steps === 0) {
    return Math.max(from, Math.min(stored, to));
  }
  const missing = Math.max(0, (run.plannedTrials ?? totals.trials) - totals.trials);
  const planned = totals.steps + missing * (totals.steps / totals.trials);
  const computed = from + (to - from) * Math.min(1, totals.done / planned);
  return Math.max(computed, Math.min(stored, to));
}

/** Seconds from the start to the end or now, pauses included: what a clock on the wall shows. */
export function elapsedSeconds(run: RunClock, nowMs: number): number {
  if (run.startedAtMs === null) return 0;
  return Math.max(0, ((run.finishedAtMs ?? nowMs) - run.startedAtMs) / 1000);
}

/**
 * Seconds left: the plan's own end where it is still ahead (it comes from measured step times and the budget), else from
 * the speed so far; null where nobody knows (waiting, paused, just begun) or nothing is left.
 */
export function etaSeconds(run: RunClock, progress: number, nowMs: number): number | null {
  if (FINAL_RUN_STATES.includes(run.state) || run.state !== 'running' || run.startedAtMs === null) return null;
  if (run.plannedUntilMs !== null && run.plannedUntilMs > nowMs) return (run.plannedUntilMs - nowMs) / 1000;
  if (progress < SPEED_KNOWN_FROM) return null;
  const workedSeconds = Math.max(0, nowMs - run.startedAtMs - run.pausedMs) / 1000;
  return (workedSeconds * (1 - progress)) / progress;
}

/** What is known of a run's pace before two trainings have ended: a third more or less. */
const UNKNOWN_SPREAD = 1 / 3;
/** No run keeps its time better than this, nor is an interval wider than half and twice of use. */
const SPREAD_LIMITS = [0.05, 0.5] as const;

/**
 * The interval around {@link etaSeconds}: two standard errors of this run's own measured pace. Wide where little is
 * measured, narrow where many trainings took the same time a step.
 */
export function etaRangeSeconds(
  etaSecondsLeft: number | null,
  totals: Pick<StepTotals, 'paces' | 'paceVariation'> | undefined,
): [number, number] | null {
  if (etaSecondsLeft === null) return null;
  const { paces, paceVariation } = totals ?? { paces: 0, paceVariation: 0 };
  const measured = paces < 2 ? UNKNOWN_SPREAD : (2 * paceVariation) / Math.sqrt(paces);
  const spread = Math.min(SPREAD_LIMITS[1], Math.max(SPREAD_LIMITS[0], measured));
  return [etaSecondsLeft * (1 - spread), etaSecondsLeft * (1 + spread)];
}
