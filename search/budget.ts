import { VoxhelmError } from '@voxhelm/contracts/errors';
import {
  ensembleBaseMs,
  mostMembers,
  type Probe,
  stepsWithin,
  trainingMs,
  validationCases,
  validationInterval,
} from './training-time.ts';
import { USEFUL_STEPS } from './worth-trying.ts';

// Who lays out a run needs the estimates that the layout stands on as well.
export { type Probe, trainingMs, validationInterval } from './training-time.ts';

/*
 * How a run spends its time: how many search trials and folds, and how many steps each, fitted to a wall-clock budget
 * from measured times. Pure. A wave is as many trainings as there are trainers, side by side.
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
}

/** How the run's time is to be spent. */
export interface Allocation {
  /** Folds that are trained, fold 0 included. */
  readonly folds: number;
  /** Folds that the cases are cut into: at least `folds`; each model validates on one of them. */
  readonly splits: number;
  /** Trials on fold 0; the best one's model is fold 0's member. */
  readonly searchTrials: number;
  readonly searchSteps: number;
  /** Each algorithm's own search steps: what it does in the time that the slowest needs for `searchSteps`. */
  readonly searchStepsByAlgorithm?: Readonly<Record<string, number>> | undefined;
  readonly foldSteps: number;
  /** Kept free for the ensemble, its choice and the test cases; null without a budget. */
  readonly ensembleReserveMs: number | null;
  /** Kept free for what no estimate knows; null without a budget. */
  readonly marginMs: number | null;
  /** For each value: why. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** Folds where neither the request nor budget and cases say less (Auto3DSeg, nnU-Net). */
export const DEFAULT_FOLDS = 5;
/** Search trials of a run without a budget. */
export const DEFAULT_TRIALS = 8;
/** A training shorter than this learns nothing that is worth an ensemble. */
export const SMALLEST_STEPS = 60;
/** Share of what is left that no estimate is trusted with, and the least of it. */
const MARGIN_SHARE = 0.05;
/** Share of one training kept free for the last one: nothing after it can make good what it runs over. */
const LAST_TRAINING_SLACK = 0.2;
const SMALLEST_MARGIN_MS = 5_000;
/**
 * Share of a search trial's time that an algorithm gets which first has to search an architecture: a short look says whether
 * it is worth more, and its folds, which take the architecture over, train as long as any.
 */
const SEARCHING_SHARE = 0.7;
/** Share of what is left for flips and more candidates beyond the plain ensemble. */
const ENSEMBLE_EXTRA_SHARE = 0.06;

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
  { trials: 2, folds: 3, steps: 600 },
  { trials: 2, folds: 4, steps: 900 },
  { trials: 3, folds: 5, steps: 1_200 },
  { trials: 4, folds: 5, steps: 1_600 },
  { trials: 6, folds: 5, steps: 2_200 },
  { trials: 8, folds: 5, steps: 3_000 },
  { trials: 12, folds: 5, steps: 5_000 },
  { trials: 16, folds: 5, steps: Number.POSITIVE_INFINITY },
  { trials: 24, folds: 5, steps: Number.POSITIVE_INFINITY },
  { trials: 32, folds: 5, steps: Number.POSITIVE_INFINITY },
];

function waves(trials: number, folds: number, parallel: number): number {
  return Math.ceil(trials / parallel) + Math.ceil((folds - 1) / parallel);
}

/** Time of a slot that an algorithm's search trial takes, a search for an architecture included. */
function searchSlotMs(probe: Probe, slotMs: number): number {
  return probe.searchMs === undefined ? slotMs : SEARCHING_SHARE * slotMs;
}

/** The slowest of the algorithms in each respect: what any trial may turn out to cost. */
function slowest(algorithms: BudgetInput['algorithms']): Probe {
  return {
    stepMs: Math.max(...algorithms.map(({ probe }) => probe.stepMs)),
    predictCaseMs: Math.max(...algorithms.map(({ probe }) => probe.predictCaseMs)),
    startMs: Math.max(...algorithms.map(({ probe }) => probe.startMs)),
  };
}

interface Spending {
  readonly trials: number;
  readonly folds: number;
  readonly splits: number;
  readonly steps: number;
  readonly reserveMs: number;
  readonly marginMs: number;
}

/** What a way to spend gets out of the time left: the steps of each training. */
function spend(input: BudgetInput, leftMs: number, trials: number, folds: number, splits: number): Spending {
  const probe = slowest(input.algorithms);
  const marginMs = Math.max(SMALLEST_MARGIN_MS, MARGIN_SHARE * leftMs);
  const extraMs = ENSEMBLE_EXTRA_SHARE * leftMs;
  const members = mostMembers(folds, Math.min(trials, input.algorithms.length));
  const reserveMs = ensembleBaseMs(probe, members, input.trainingCases, input.testCases) + extraMs;
  const slotMs = (leftMs - marginMs - reserveMs) / waves(trials, folds, input.parallel);
  const most = Math.max(...input.algorithms.map(({ planSteps }) => planSteps));
  const steps = input.steps ?? stepsWithin(probe, slotMs, validationCases(input.trainingCases, splits), most);
  return { trials, folds, splits, steps, reserveMs, marginMs };
}

/**
 * Whether a way to spend fits: enough steps, or with given steps enough time for them. Of several algorithms the one in the
 * middle must get the steps, and the slowest as many as say something about it: folds are trained by the best, whichever it is.
 */
function fits(input: BudgetInput, leftMs: number, spending: Spending, leastSteps: number): boolean {
  if (input.steps === null) {
    const each = Object.values(stepsByAlgorithm(input, spending)).sort((a, b) => a - b);
    const middle = each[Math.floor((each.length - 1) / 2)] as number;
    return middle >= leastSteps && spending.steps >= Math.min(leastSteps, USEFUL_STEPS);
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

/** The ways to spend that the request leaves open, poorest first, each once. */
function choices(input: BudgetInput): { trials: number; folds: number; splits: number; steps: number }[] {
  const planSteps = Math.max(...input.algorithms.map((algorithm) => algorithm.planSteps));
  return LEVELS.map((level, index) => {
    // Every algorithm is tried once before a fold is trained or any is tried twice, as soon as more than one model fits.
    const several = input.algorithms.length > 1 && input.searchTrials === null;
    const ownFolds = several && level.trials === 1 ? 1 : level.folds;
    const folds = input.folds ?? Math.min(ownFolds, input.trainingCases);
    const trials = input.searchTrials ?? (index === 0 ? 1 : Math.max(level.trials, input.algorithms.length));
    const least = index === 0 ? SMALLEST_STEPS : Math.min(level.steps, planSteps);
    return { folds, trials, splits: splitsFor(input, folds), steps: least };
  });
}

/** Cases are cut into 5 even where fewer folds are trained: a model that trains on more of the cases is better. */
function splitsFor(input: BudgetInput, folds: number): number {
  const wanted = input.folds === null || input.folds === 1 ? DEFAULT_FOLDS : input.folds;
  return Math.max(folds, Math.min(wanted, input.trainingCases));
}

/** Minutes and seconds for people, rounded up. */
function shownMs(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 120 ? `${seconds}s` : `${Math.ceil(seconds / 60)}m`;
}

/** Refuses a budget in which not one training and its ensemble fit, naming the smallest that would do. */
function refuseBudget(input: BudgetInput, budgetMs: number): never {
  const least = choices(input)[0] as { trials: number; folds: number; splits: number };
  let leftMs = SMALLEST_MARGIN_MS;
  while (!fits(input, leftMs, spend(input, leftMs, least.trials, least.folds, least.splits), SMALLEST_STEPS))
    leftMs *= 1.02;
  const smallestMs = input.elapsedMs + leftMs;
  throw new VoxhelmError(
    'invalid-request',
    `the budget of ${shownMs(budgetMs)} is too small: ${least.trials} search trial(s) and ${least.folds} fold(s) of at least ${SMALLEST_STEPS} steps, and the ensemble, take about ${shownMs(smallestMs)} on this device`,
    { fix: `Give a budget of ${shownMs(smallestMs)} or more.`, details: { field: 'budget', smallestMs } },
  );
}

/**
 * A budget as wall-clock milliseconds of the run; null: none. One of trainers' time is divided among those that work at once;
 * what went before (`elapsedMs`: analysis and probes) took one of them.
 */
export function wallBudgetMs(
  budgetMs: number | null,
  of: 'wall clock' | 'trainers',
  elapsedMs: number,
  parallel: number,
): number | null {
  if (budgetMs === null || of === 'wall clock') return budgetMs;
  return elapsedMs + (budgetMs - elapsedMs) / parallel;
}

function checkInput(input: BudgetInput): void {
  if (input.trainingCases < 2) {
    throw new VoxhelmError(
      'invalid-request',
      `${input.trainingCases} training case(s) are too few: one to train on and one to validate on are needed`,
      {
        details: { field: 'dataset' },
      },
    );
  }
  if (input.folds !== null && input.folds > input.trainingCases) {
    throw new VoxhelmError(
      'invalid-request',
      `${input.folds} folds need as many training cases; there are ${input.trainingCases}`,
      {
        fix: `Ask for at most ${input.trainingCases} folds.`,
        details: { field: 'folds' },
      },
    );
  }
}

/** Without a budget: the plan's own steps, 5 folds, 8 trials, or what the request says. */
function unlimited(input: BudgetInput): Allocation {
  const folds = input.folds ?? Math.min(DEFAULT_FOLDS, input.trainingCases);
  const trials = input.searchTrials ?? Math.max(DEFAULT_TRIALS, input.algorithms.length);
  const steps = input.steps ?? Math.max(...input.algorithms.map(({ planSteps }) => planSteps));
  return {
    folds,
    splits: splitsFor(input, folds),
    searchTrials: trials,
    searchSteps: steps,
    foldSteps: steps,
    ensembleReserveMs: null,
    marginMs: null,
    reasons: {
      folds: input.folds === null ? `${DEFAULT_FOLDS}, or as many as there are cases` : 'given by the user',
      searchTrials: input.searchTrials === null ? 'the default without a budget' : 'given by the user',
      steps: input.steps === null ? "each plan's own steps: there is no budget" : 'given by the user',
    },
  };
}

/**
 * Divides a run's time. Throws `invalid-request` for a budget too small for one training of 60 steps and its ensemble
 * (naming the smallest that would do), for more folds than cases, and for fewer than 2 training cases.
 */
export function allocate(input: BudgetInput): Allocation {
  checkInput(input);
  if (input.budgetMs === null) return unlimited(input);
  const leftMs = input.budgetMs - input.elapsedMs;
  let chosen: Spending | null = null;
  for (const { trials, folds, splits, steps } of choices(input)) {
    const spending = spend(input, leftMs, trials, folds, splits);
    if (fits(input, leftMs, spending, steps)) chosen = spending;
  }
  if (chosen === null) {
    if (input.steps === null) refuseBudget(input, input.budgetMs);
    // Steps that the user fixed are kept whatever they cost; the rest is then as little as the request allows.
    const least = choices(input)[0] as { trials: number; folds: number; splits: number };
    chosen = spend(input, leftMs, least.trials, least.folds, least.splits);
  }
  const because = `the most that ${shownMs(leftMs)} allow on this device`;
  return {
    folds: chosen.folds,
    splits: chosen.splits,
    searchTrials: chosen.trials,
    searchSteps: chosen.steps,
    searchStepsByAlgorithm: stepsByAlgorithm(input, chosen),
    foldSteps: chosen.steps,
    ensembleReserveMs: Math.round(chosen.reserveMs),
    marginMs: Math.round(chosen.marginMs),
    reasons: {
      folds: input.folds === null ? because : 'given by the user',
      searchTrials: input.searchTrials === null ? because : 'given by the user',
      steps: input.steps === null ? because : 'given by the user, whatever the budget',
    },
  };
}

/** Algorithms are compared at the same time, not at the same steps: a fast one does more of them. */
function stepsByAlgorithm(input: BudgetInput, { steps, splits }: Spending): Record<string, number> {
  const cases = validationCases(input.trainingCases, splits);
  const slotMs = trainingMs(slowest(input.algorithms), steps, cases);
  return Object.fromEntries(
    input.algorithms.map(({ name, planSteps, probe }) => [
      name,
      input.steps ?? searchSteps(probe, slotMs, cases, planSteps, steps),
    ]),
  );
}

/** Steps of a search trial in a slot: never fewer than the slowest's, but for one that searches an architecture first. */
function searchSteps(probe: Probe, slotMs: number, cases: number, planSteps: number, slowestSteps: number): number {
  const ownMs = searchSlotMs(probe, slotMs) - (probe.searchMs ?? 0);
  const least = Math.min(probe.searchMs === undefined ? slowestSteps : SMALLEST_STEPS, planSteps);
  return Math.max(least, stepsWithin(probe, ownMs, cases, planSteps));
}

/** A training that ended, for the next one's estimate. */
export interface FinishedTraining {
  readonly algorithm: string;
  /** Steps that it did. */
  readonly steps: number;
  /** From being handed to a trainer to its result. */
  readonly wallMs: number;
}

/** What {@link stepsForNextTrial} is decided from. */
export interface NextTrialInput {
  readonly kind: 'search' | 'fold';
  readonly algorithm: { readonly name: string; readonly probe: Probe; readonly planSteps: number };
  readonly allocation: Allocation;
  /** Until the budget's end; null: no budget. */
  readonly remainingMs: number | null;
  /** Trainings that have not begun, this one included. */
  readonly trainingsLeft: { readonly search: number; readonly folds: number };
  readonly parallel: number;
  readonly trainingCases: number;
  readonly steps: number | null;
  readonly finished: readonly FinishedTraining[];
}

/** The next trial's length; `steps` null: leave it out, no useful training fits any more. */
export interface NextTrial {
  readonly steps: number | null;
  readonly validateEverySteps: number;
  readonly reason: string;
}

/** How much slower (or faster) trainings were than their estimate: all together, or the last where that was slower still. */
function slowdown({ finished, algorithm, trainingCases, allocation }: NextTrialInput): number {
  const own = finished.filter((training) => training.algorithm === algorithm.name && training.steps > 0);
  const cases = validationCases(trainingCases, allocation.splits);
  const ratio = (trainings: readonly FinishedTraining[]): number => {
    // The first of its algorithm searched the architecture that the others took over.
    const searchedMs = trainings[0] === own[0] ? (algorithm.probe.searchMs ?? 0) : 0;
    const estimatedMs = trainings.reduce(
      (sum, { steps }) => sum + trainingMs(algorithm.probe, steps, cases),
      searchedMs,
    );
    return trainings.length === 0 ? 1 : trainings.reduce((sum, { wallMs }) => sum + wallMs, 0) / estimatedMs;
  };
  return Math.min(10, Math.max(0.5, ratio(own), ratio(own.slice(-1))));
}

/**
 * Whether a search training of so many steps still fits beside the folds that follow, at the pace of finished ones. For
 * searches whose trainings have fixed lengths (rungs): these are not cut to the time, they end when it is spent.
 */
export function searchTrainingFits(input: NextTrialInput, steps: number): boolean {
  const { allocation, algorithm, remainingMs, trainingsLeft, parallel } = input;
  if (remainingMs === null) return true;
  const cases = validationCases(input.trainingCases, allocation.splits);
  const factor = slowdown(input);
  const marginMs = Math.max(SMALLEST_MARGIN_MS, MARGIN_SHARE * remainingMs);
  const foldMs = trainingMs(algorithm.probe, input.steps ?? Math.min(allocation.foldSteps, algorithm.planSteps), cases);
  const foldsMs = Math.ceil(trainingsLeft.folds / parallel) * foldMs * factor;
  const searchMs = remainingMs - (allocation.ensembleReserveMs ?? 0) - marginMs - foldsMs;
  return trainingMs(algorithm.probe, steps, cases) * factor <= searchMs;
}

/** Steps of the next training in a slot at its pace; a search for an architecture, where one comes first, is part of it. */
function stepsInSlot(input: NextTrialInput, slotMs: number, cases: number, most: number): number {
  const { name, probe } = input.algorithm;
  const { searchMs } = probe;
  if (input.kind !== 'search' || searchMs === undefined) return stepsWithin(probe, slotMs, cases, most);
  const isSearched = input.finished.some(({ algorithm }) => algorithm === name);
  const fitting = stepsWithin(probe, searchSlotMs(probe, slotMs) - (isSearched ? 0 : searchMs), cases, most);
  // A trial that an architecture's search leaves little of must not end the run's own search: others come after it.
  return slotMs >= 2 * searchMs ? Math.max(SMALLEST_STEPS, fitting) : fitting;
}

/**
 * Steps of the trial that is about to begin, from the time that is left and the times of finished ones, so that a machine
 * that got slower still ends inside the budget. Search trials keep the allocation's steps while they fit, to be
 * comparable; folds take spare time up to the plan's own steps.
 */
export function stepsForNextTrial(input: NextTrialInput): NextTrial {
  const { allocation, algorithm, remainingMs, trainingsLeft } = input;
  const cases = validationCases(input.trainingCases, allocation.splits);
  const search = allocation.searchStepsByAlgorithm?.[algorithm.name] ?? allocation.searchSteps;
  const planned = input.kind === 'search' ? search : allocation.foldSteps;
  const every = (steps: number) => validationInterval(algorithm.probe, steps, cases);
  if (input.steps !== null) {
    return { steps: input.steps, validateEverySteps: every(input.steps), reason: 'given by the user' };
  }
  if (remainingMs === null) {
    return {
      steps: algorithm.planSteps,
      validateEverySteps: every(algorithm.planSteps),
      reason: "the plan's own steps",
    };
  }
  const wavesLeft = Math.ceil(trainingsLeft.search / input.parallel) + Math.ceil(trainingsLeft.folds / input.parallel);
  // The margin shrinks with the time left: late in the run less can still go wrong.
  const marginMs = Math.max(SMALLEST_MARGIN_MS, MARGIN_SHARE * remainingMs);
  const slotMs =
    (remainingMs - (allocation.ensembleReserveMs ?? 0) - marginMs) / (Math.max(1, wavesLeft) + LAST_TRAINING_SLACK);
  const factor = slowdown(input);
  const most = input.kind === 'search' ? Math.min(planned, algorithm.planSteps) : algorithm.planSteps;
  const steps = stepsInSlot(input, slotMs / factor, cases, most);
  if (steps < SMALLEST_STEPS) {
    const reason = `${shownMs(Math.max(0, slotMs))} are left for it: too little for ${SMALLEST_STEPS} steps`;
    return { steps: null, validateEverySteps: 1, reason };
  }
  const pace = input.finished.length === 0 ? 'as probed' : `at ${factor.toFixed(2)} times the probed time`;
  return { steps, validateEverySteps: every(steps), reason: `${shownMs(slotMs)} for this training, ${pace}` };
}
