import { chainsOf, priorOf } from '../fidelity/chains.ts';
import { forecast } from '../fidelity/curve.ts';
import { lossOf } from '../losses.ts';
import type { Pruner } from './pruner.ts';

/** Whole trainings before anything is stopped. */
const STARTUP = 4;
/** Nothing is stopped before this share of its steps, or with fewer values than this. */
const WARMUP_SHARE = 0.2;
const FEWEST_VALUES = 3;
/** Nobody is stopped for promising to be better than others were: the prior counts for little. */
const BREADTH = 3;
/** A trial ends where even so many standard deviations do not bring it to the best: a few shapes are surer than they should be. */
const DOUBT = 2;

/**
 * Stops a trial whose curve, continued with its doubt, does not reach the best finished trial (after Domhan et al. 2015):
 * a slow starter that is still falling goes on.
 */
export const pruneByCurve: Pruner = (trials, trial, step, direction) => {
  const go = { stop: false, reason: null };
  const share = step / trial.steps;
  const seen = trial.reports.filter(([at]) => at <= step);
  if (share < WARMUP_SHARE || share >= 1 || seen.length < FEWEST_VALUES) return go;
  const chains = chainsOf(
    trials.filter(({ number }) => number !== trial.number),
    direction,
  );
  const whole = chains.filter(
    ({ steps, loss, state }) => state === 'completed' && loss !== null && steps >= trial.steps,
  );
  const prior = priorOf(chains, trial.steps);
  if (whole.length < STARTUP || prior === null) return go;
  const best = Math.min(...whole.map(({ loss }) => loss as number));
  const curve = seen.map(([at, value]) => [at / trial.steps, lossOf(value, direction)] as const);
  const { loss, sd } = forecast(curve, prior, BREADTH);
  const hope = Math.min(loss - DOUBT * sd, ...curve.map(([, seenLoss]) => seenLoss));
  if (hope <= best) return go;
  const shown = (each: number) => lossOf(each, direction).toFixed(4);
  const reason = `expected to end at ${shown(loss)} +- ${sd.toFixed(4)} (step ${step} of ${trial.steps}): even ${shown(hope)} is not the best trial's ${shown(best)}`;
  return { stop: true, reason };
};
