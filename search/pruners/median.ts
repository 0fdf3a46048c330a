import { type Direction, lossOf } from '../losses.ts';
import type { StudyTrial } from '../study.ts';
import type { Pruner } from './pruner.ts';

/** Completed trials before anything is stopped: Optuna's MedianPruner, n_startup_trials. */
export const STARTUP_TRIALS = 5;
/** No trial is stopped before this share of its steps: a low learning rate starts slowly and may still win. */
export const WARMUP_FRACTION = 1 / 3;

/** The value below which a share of the losses lies, between two by their distance. */
function quantile(losses: readonly number[], share: number): number {
  const sorted = [...losses].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  return low + (high - low) * (at - Math.floor(at));
}

/** A trial's last report at or before a share of its steps, as a loss; undefined where it had none yet. */
function lossAtFraction(trial: StudyTrial, fraction: number, direction: Direction): number | undefined {
  // Validations fall on whole steps, so shares of trials of other lengths differ by rounding.
  const value = trial.reports.filter(([step]) => step / trial.steps <= fraction + 1e-3).at(-1)?.[1];
  return value === undefined ? undefined : lossOf(value, direction);
}

/** Stops a trial whose best value so far is worse than what `share` of the completed ones had at the same share of their steps. */
function byQuantile(share: number, name: string): Pruner {
  return (trials, trial, step, direction) => {
    const go = { stop: false, reason: null };
    const fraction = step / trial.steps;
    if (fraction < WARMUP_FRACTION || fraction >= 1) return go;
    const completed = trials.filter((other) => other.state === 'completed' && other.number !== trial.number);
    if (completed.length < STARTUP_TRIALS) return go;
    const others = completed
      .map((other) => lossAtFraction(other, fraction, direction))
      .filter((loss): loss is number => loss !== undefined);
    const own = trial.reports.filter(([at]) => at <= step).map(([, value]) => lossOf(value, direction));
    if (others.length === 0 || own.length === 0) return go;
    const best = Math.min(...own);
    const bar = quantile(others, share);
    if (best <= bar) return go;
    const shown = (loss: number) => lossOf(loss, direction).toFixed(4);
    const side = direction === 'maximize' ? 'below' : 'above';
    const reason = `best Dice ${shown(best)} at step ${step} of ${trial.steps} is ${side} ${shown(bar)}, the ${name} of ${others.length} completed trials at that point`;
    return { stop: true, reason };
  };
}

/** Median stopping (Golovin et al. 2017) with Optuna's defaults. */
export const pruneByMedian: Pruner = byQuantile(0.5, 'median');

/** Stops only the worst quarter: where curves cross often. */
export const pruneByPercentile: Pruner = byQuantile(0.75, 'worst quarter');
