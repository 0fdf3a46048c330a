import { wholeMsBesideLooks } from './looks.ts';
import { ensembleBaseMs, mostMembers, type Probe, stepsWithin, trainingMs, validationCases } from './training-time.ts';
import { USEFUL_STEPS } from './worth-trying.ts';

/*
 * What a way to spend a run's time gets out of it: of so many search trials and folds each training's steps, and whether they fit.
 * Pure. A wave is as many trainings as there are trainers, side by side.
 */

/** What an allocation is made from. Counts that are null are chosen here; those given win. */
export interface BudgetInput {
  /** Wall-clock budget of the whole run as asked for; null: none. */
  readonly budgetMs: number | null;
  /** Spent already (analysis, planning, probes). */
  readonly elapsedMs: number;
  /** One per algorithm: its probe and its plan's own steps. */
  readonly algorithms: readonly { readonly name: string; readonly probe: Probe; readonly planSteps: number }[];
  readonly trainingCases: number;
  readonly testCases: number;
  /** Trainers that work at once. */
  readonly parallel: number;
  readonly folds: number | null;
  readonly searchTrials: number | null;
  /** plan.steps of the request: exactly that. */
  readonly steps: number | null;
  /** What the budget was asked as, for people: time by the clock (where absent), or of all trainers together. */
  readonly budgetOf?: 'wall clock' | 'trainers' | undefined;
  /** False where search trials must be whole: others were taken over whole. Absent: true. */
  readonly mayLook?: boolean | undefined;
}

/** What is left of a budget (milliseconds), below 0 where it is over; null: there is none. */
export function leftMsOf({ budgetMs, elapsedMs }: Pick<BudgetInput, 'budgetMs' | 'elapsedMs'>): number | null {
  return budgetMs === null ? null : budgetMs - elapsedMs;
}

/** A training shorter than this learns nothing that is worth an ensemble. */
export const SMALLEST_STEPS = 60;
/** Share of what is left that no estimate is trusted with, and the least of it. */
const MARGIN_SHARE = 0.05;
/** The least time (milliseconds) of what is left that is kept free. */
export const SMALLEST_MARGIN_MS = 5_000;
/**
 * Share of a search trial's time that an algorithm gets which first has to search an architecture: a short look says whether
 * it is worth more, and its folds, which take the architecture over, train as long as any.
 */
const SEARCHING_SHARE = 0.7;
/** Share of what is left for flips (only long trainings learn mirror images) and more candidates beyond the plain ensemble. */
const ENSEMBLE_EXTRA_SHARE = 0.03;

/** Time (milliseconds) of what is left that is kept free for what no estimate knows. */
export function marginMsOf(leftMs: number): number {
  return Math.max(SMALLEST_MARGIN_MS, MARGIN_SHARE * leftMs);
}

function waves(trials: number, folds: number, parallel: number): number {
  return Math.ceil(trials / parallel) + Math.ceil((folds - 1) / parallel);
}

/**
 * Time (milliseconds) of a slot that an algorithm's search trial takes, a search for an architecture included. `isAlone`: it is
 * compared with no other, and has the whole of it.
 */
export function searchSlotMs(probe: Probe, slotMs: number, isAlone: boolean): number {
  return probe.searchMs === undefined || isAlone ? slotMs : SEARCHING_SHARE * slotMs;
}

/** The slowest of the algorithms in each respect: what any trial may turn out to cost. */
export function slowest(algorithms: BudgetInput['algorithms']): Probe {
  const fuses = algorithms.map(({ probe }) => probe.fuseCaseMs);
  return {
    stepMs: Math.max(...algorithms.map(({ probe }) => probe.stepMs)),
    predictCaseMs: Math.max(...algorithms.map(({ probe }) => probe.predictCaseMs)),
    startMs: Math.max(...algorithms.map(({ probe }) => probe.startMs)),
    ...(fuses.some((ms) => ms === undefined) ? {} : { fuseCaseMs: Math.max(...(fuses as number[])) }),
  };
}

/** A way to spend the time that is left, and what each training gets. */
export interface Spending {
  readonly trials: number;
  readonly folds: number;
  readonly splits: number;
  readonly steps: number;
  /** Time of a whole training. */
  readonly slotMs: number;
  readonly looks: boolean;
  readonly reserveMs: number;
  readonly marginMs: number;
}

/** True where each of several algorithms has one trial, of which the request says nothing. */
function canLook({ algorithms, mayLook, searchTrials, steps }: BudgetInput, trials: number): boolean {
  return (
    mayLook !== false &&
    searchTrials === null &&
    steps === null &&
    algorithms.length > 1 &&
    trials === algorithms.length
  );
}

/** What a way to spend gets out of the time left: the steps of each training, by looks where that gives more. */
export function spend(input: BudgetInput, leftMs: number, trials: number, folds: number, splits: number): Spending {
  const { algorithms, parallel } = input;
  const probe = slowest(algorithms);
  const marginMs = marginMsOf(leftMs);
  const extraMs = ENSEMBLE_EXTRA_SHARE * leftMs;
  const members = mostMembers(folds, Math.min(trials, algorithms.length));
  const reserveMs = ensembleBaseMs(probe, members, input.trainingCases, input.testCases) + extraMs;
  const availableMs = leftMs - marginMs - reserveMs;
  const cases = validationCases(input.trainingCases, splits);
  const evenMs = availableMs / waves(trials, folds, parallel);
  const besideLooksMs = canLook(input, trials)
    ? wholeMsBesideLooks(algorithms, availableMs, folds, cases, parallel)
    : 0;
  const slotMs = Math.max(evenMs, besideLooksMs);
  const most = Math.max(...algorithms.map(({ planSteps }) => planSteps));
  const steps = input.steps ?? stepsWithin(probe, slotMs, cases, most);
  return { trials, folds, splits, steps, slotMs, looks: besideLooksMs > evenMs, reserveMs, marginMs };
}

/**
 * Whether a way to spend fits: enough steps, or with given steps enough time for them. Of several algorithms the one in the
 * middle must get the steps, and the slowest as many as say something about it: folds are trained by the best, whichever it is.
 */
export function fits(input: BudgetInput, leftMs: number, spending: Spending, leastSteps: number): boolean {
  if (input.steps === null) {
    const each = stepsByAlgorithm(input, spending);
    // A plan may have fewer steps of its own.
    const satisfied = input.algorithms.filter(
      ({ name, planSteps }) => (each[name] as number) >= Math.min(leastSteps, planSteps),
    );
    const others = Math.floor((input.algorithms.length - 1) / 2);
    const isEnough = satisfied.length >= input.algorithms.length - others;
    return isEnough && spending.steps >= Math.min(leastSteps, USEFUL_STEPS) && holdsSearches(input, spending);
  }
  const oneMs = trainingMs(
    slowest(input.algorithms),
    input.steps,
    validationCases(input.trainingCases, spending.splits),
  );
  const searchesMs = input.algorithms.reduce((sum, { probe }) => sum + (probe.searchMs ?? 0), 0);
  const trainingsMs = waves(spending.trials, spending.folds, input.parallel) * oneMs + searchesMs;
  return trainingsMs + spending.reserveMs + spending.marginMs <= leftMs;
}

/** Whether each algorithm that searches its architecture first has time in its trial for that and a training. */
function holdsSearches({ algorithms, trainingCases }: BudgetInput, { looks, slotMs, splits }: Spending): boolean {
  const cases = validationCases(trainingCases, splits);
  return algorithms.every(({ planSteps, probe }) => {
    if (probe.searchMs === undefined) return true;
    const ownMs = searchSlotMs(probe, slotMs, looks || algorithms.length === 1);
    return probe.searchMs + trainingMs(probe, Math.min(SMALLEST_STEPS, planSteps), cases) <= ownMs;
  });
}

/** Algorithms are compared at the same time, not at the same steps: a fast one does more of them. */
export function stepsByAlgorithm(input: BudgetInput, { steps, splits }: Spending): Record<string, number> {
  const { algorithms } = input;
  const cases = validationCases(input.trainingCases, splits);
  const slotMs = trainingMs(slowest(algorithms), steps, cases);
  return Object.fromEntries(
    algorithms.map(({ name, planSteps, probe }) => {
      const ownMs = searchSlotMs(probe, slotMs, algorithms.length === 1) - (probe.searchMs ?? 0);
      // Never fewer than the slowest's, but for one that searches an architecture first.
      const least = Math.min(probe.searchMs === undefined ? steps : SMALLEST_STEPS, planSteps);
      return [name, input.steps ?? Math.max(least, stepsWithin(probe, ownMs, cases, planSteps))];
    }),
  );
}
