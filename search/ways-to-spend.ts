import { type BudgetInput, SMALLEST_STEPS } from './spending.ts';

/*
 * The ways in which a run may spend its time, from one model on. Pure.
 */

/** Folds where neither the request nor budget and cases say less (Auto3DSeg, nnU-Net). */
export const DEFAULT_FOLDS = 5;

/**
 * Ever richer ways to spend, each with the steps a training must still get to be worth it: first one model, then a
 * second fold, then something to choose from. The richest that fits is taken; time beyond the planned steps buys trials.
 * Steps come before folds: three models of 300 steps each reached Dice 0.82 on the sample's test cases, where MONAI's one
 * network of some thousand steps reached 0.87 on others (issue 4).
 */
const LEVELS: readonly { readonly trials: number; readonly folds: number; readonly steps: number }[] = [
  { trials: 1, folds: 1, steps: SMALLEST_STEPS },
  { trials: 1, folds: 2, steps: 150 },
  { trials: 2, folds: 2, steps: 200 },
  { trials: 2, folds: 3, steps: 1_000 },
  { trials: 2, folds: 4, steps: 1_500 },
  { trials: 3, folds: 5, steps: 2_000 },
  { trials: 4, folds: 5, steps: 2_500 },
  { trials: 6, folds: 5, steps: 3_000 },
  { trials: 8, folds: 5, steps: 4_000 },
  { trials: 12, folds: 5, steps: 6_000 },
  { trials: 16, folds: 5, steps: Number.POSITIVE_INFINITY },
  { trials: 24, folds: 5, steps: Number.POSITIVE_INFINITY },
  { trials: 32, folds: 5, steps: Number.POSITIVE_INFINITY },
];

/** A way to spend, and the steps that each training must get for it. */
export interface Way {
  readonly trials: number;
  readonly folds: number;
  readonly splits: number;
  readonly steps: number;
}

/** The ways to spend that the request leaves open, poorest first, each once. */
export function waysToSpend(input: BudgetInput): Way[] {
  const planSteps = Math.max(...input.algorithms.map((algorithm) => algorithm.planSteps));
  return LEVELS.map((level, index) => {
    // Every algorithm is tried once before a fold is trained or any is tried twice, as soon as more than one model fits.
    const several = input.algorithms.length > 1 && input.searchTrials === null;
    const ownFolds = several && level.trials === 1 ? 1 : level.folds;
    const folds = input.folds ?? Math.min(ownFolds, input.trainingCases);
    const trials = input.searchTrials ?? (index === 0 ? 1 : Math.max(level.trials, input.algorithms.length));
    return { folds, trials, splits: splitsFor(input, folds), steps: Math.min(level.steps, planSteps) };
  });
}

/** Cases are cut into 5 even where fewer folds are trained: a model that trains on more of the cases is better. */
export function splitsFor(input: Pick<BudgetInput, 'folds' | 'trainingCases'>, folds: number): number {
  const wanted = input.folds === null || input.folds === 1 ? DEFAULT_FOLDS : input.folds;
  return Math.max(folds, Math.min(wanted, input.trainingCases));
}

/** The poorest way to spend that the request leaves. */
export function poorestWay(input: BudgetInput): Way {
  return waysToSpend(input)[0] as Way;
}
