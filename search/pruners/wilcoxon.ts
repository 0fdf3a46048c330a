import { type Direction, lossOf } from '../losses.ts';
import { signedRankP } from '../signed-rank.ts';
import type { StudyTrial } from '../study.ts';
import type { Pruner } from './pruner.ts';

/*
 * Wilcoxon's signed-rank test over instances that two configurations share: cases of a fold, or folds. Optuna's
 * WilcoxonPruner, by its defaults.
 */

const P_THRESHOLD = 0.1;
const STARTUP = 2;
/** Losses of one configuration by instance (case or fold). */
export type InstanceLosses = ReadonlyMap<string, number>;

/**
 * Whether a configuration may be given up after some instances: it is significantly worse than the best one on those that
 * both have, and worse in the mean (so that a few bad cases among many good ones do not end it).
 */
export function isWorse(own: InstanceLosses, best: InstanceLosses): { readonly stop: boolean; readonly p: number } {
  const shared = [...own.keys()].filter((instance) => best.has(instance));
  const differences = shared.map((instance) => (own.get(instance) as number) - (best.get(instance) as number));
  if (differences.length < STARTUP) return { stop: false, p: 1 };
  const p = signedRankP(differences, 'rank');
  const mean = differences.reduce((a, b) => a + b, 0) / differences.length;
  return { stop: p < P_THRESHOLD && mean > 0, p };
}

/** No trial is stopped before this share of its steps. */
const WARMUP_SHARE = 1 / 3;

/** A trial's losses by case at the last report up to a share of its steps; undefined where none told them. */
function lossesAt({ caseReports = [], steps }: StudyTrial, share: number, direction: Direction) {
  // Validations fall on whole steps, so shares of trials of other lengths differ by rounding.
  const cases = caseReports.filter(([step]) => step / steps <= share + 1e-3).at(-1)?.[1];
  if (cases === undefined) return undefined;
  return new Map(Object.entries(cases).map(([id, value]) => [id, lossOf(value, direction)]));
}

/**
 * Stops a trial that is worse than the best completed one case by case, at the same share of their steps: sees what a mean
 * hides, and waits where the mean lies by a few cases alone.
 */
export const pruneByCases: Pruner = (trials, trial, step, direction) => {
  const go = { stop: false, reason: null };
  const share = step / trial.steps;
  if (share < WARMUP_SHARE || share >= 1) return go;
  const loss = ({ value }: StudyTrial) => lossOf(value as number, direction);
  const best = trials
    .filter(({ number, state, value }) => number !== trial.number && state === 'completed' && value !== null)
    .reduce<StudyTrial | null>((a, b) => (a === null || loss(b) < loss(a) ? b : a), null);
  if (best === null) return go;
  const own = lossesAt(trial, share, direction);
  const other = lossesAt(best, share, direction);
  if (own === undefined || other === undefined) return go;
  const { stop, p } = isWorse(own, other);
  if (!stop) return go;
  const reason = `worse than trial ${best.number + 1} case by case at step ${step} of ${trial.steps} (Wilcoxon's p ${p.toFixed(3)} over ${own.size} cases)`;
  return { stop: true, reason };
};
