import type { StudyTrial } from '../study.ts';
import type { Pruner } from './pruner.ts';

/** Completed trials before anything is stopped: Optuna's MedianPruner, n_startup_trials. */
export const STARTUP_TRIALS = 5;
/** No trial is stopped before this share of its steps: a low learning rate starts slowly and may still win. */
export const WARMUP_FRACTION = 1 / 3;

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** A trial's last report at or before a share of its steps; undefined where it had none yet. */
function valueAtFraction(trial: StudyTrial, fraction: number): number | undefined {
  // Validations fall on whole steps, so shares of trials of other lengths differ by rounding.
  return trial.reports.filter(([step]) => step / trial.steps <= fraction + 1e-3).at(-1)?.[1];
}

/**
 * Median stopping (Golovin et al. 2017) with Optuna's defaults: a trial ends where its best value so far is below the
 * median of what completed trials had at the same share of their steps.
 */
export const pruneByMedian: Pruner = (trials, trial, step) => {
  const go = { stop: false, reason: null };
  const fraction = step / trial.steps;
  if (fraction < WARMUP_FRACTION || fraction >= 1) return go;
  const completed = trials.filter((other) => other.state === 'completed' && other.number !== trial.number);
  if (completed.length < STARTUP_TRIALS) return go;
  const others = completed
    .map((other) => valueAtFraction(other, fraction))
    .filter((value): value is number => value !== undefined);
  const own = trial.reports.filter(([at]) => at <= step).map(([, value]) => value);
  if (others.length === 0 || own.length === 0) return go;
  const best = Math.max(...own);
  const bar = median(others);
  if (best >= bar) return go;
  const reason = `best Dice ${best.toFixed(4)} at step ${step} of ${trial.steps} is below ${bar.toFixed(4)}, the median of ${others.length} completed trials at that point`;
  return { stop: true, reason };
};
