import { type Direction, lossOf } from '../losses.ts';
import type { StudyTrial } from '../study.ts';

/** Whether a trial should end early, and why, for people to read. */
export interface StopDecision {
  readonly stop: boolean;
  readonly reason: string | null;
}

/** Judges a running trial after its report at `step` against the study's trials: a pure function. */
export type Pruner = (
  trials: readonly StudyTrial[],
  trial: StudyTrial,
  step: number,
  direction: Direction,
) => StopDecision;

/** A trial has started when it came this part of the way from where trials begin to the best that finished. */
const STARTED = 0.1;
/** By this share of its steps, a trial that has not started never will. */
const PATIENCE_SHARE = 0.5;

/**
 * True while a trial is about where trials begin: many a Dice stays near 0 for a third of a training and then rises above
 * the others'. Nothing can be said of its end yet.
 */
export function isStillStarting(
  trials: readonly StudyTrial[],
  trial: StudyTrial,
  step: number,
  direction: Direction,
): boolean {
  if (step >= PATIENCE_SHARE * trial.steps) return false;
  const losses = ({ reports }: StudyTrial) => reports.map(([, value]) => lossOf(value, direction));
  const whole = trials.filter(
    ({ number, state, value }) => number !== trial.number && state === 'completed' && value !== null,
  );
  const own = trial.reports.filter(([at]) => at <= step).map(([, value]) => lossOf(value, direction));
  if (whole.length === 0 || own.length === 0) return false;
  const begin = Math.max(...[...whole, trial].flatMap((each) => losses(each).slice(0, 1)));
  const best = Math.min(...whole.map(({ value }) => lossOf(value as number, direction)));
  return begin - Math.min(...own) < STARTED * (begin - best);
}
