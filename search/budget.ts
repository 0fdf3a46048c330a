import { VoxhelmError } from '@voxhelm/contracts/errors';
import { lookSteps } from './looks.ts';
import {
  type BudgetInput,
  fits,
  SMALLEST_MARGIN_MS,
  SMALLEST_STEPS,
  type Spending,
  slowest,
  spend,
  stepsByAlgorithm,
} from './spending.ts';
import { ensembleBaseMs, ensembleMsOf, mostMembers, validationCases } from './training-time.ts';

// Who lays out a run names what it is laid out from, and the least that a training gets.
export { type BudgetInput, SMALLEST_STEPS } from './spending.ts';

/*
 * How a run spends its time: how many search trials and folds, and how many steps each, fitted to a wall-clock budget
 * from measured times. Pure. spending.ts says what each way to spend gets.
 */

/** How the run's time is to be spent. */
export interface Allocation {
  /** Folds that are trained, fold 0 included. */
  readonly folds: number;
  /** Folds that the cases are cut into: at least `folds`; each model validates on one of them. */
  readonly splits: number;
  /** Trials on fold 0; the best one's model is fold 0's member. */
  readonly searchTrials: number;
  /** True: the search trials are short looks (looks.ts), and the best one's configuration trains on fold 0 as well. */
  readonly looks?: boolean | undefined;
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
export function shownMs(ms: number): string {
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
    ...(chosen.looks ? looksOf(input, chosen) : evenlyOf(input, chosen)),
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

/** The search trials as short looks. */
function looksOf(input: BudgetInput, { slotMs, splits }: Spending) {
  const searchStepsByAlgorithm = lookSteps(input.algorithms, slotMs, validationCases(input.trainingCases, splits));
  return { looks: true, searchSteps: Math.min(...Object.values(searchStepsByAlgorithm)), searchStepsByAlgorithm };
}

/** The search trials as long as any other training. */
function evenlyOf(input: BudgetInput, chosen: Spending) {
  return { looks: false, searchSteps: chosen.steps, searchStepsByAlgorithm: stepsByAlgorithm(input, chosen) };
}

/**
 * Time (milliseconds) to keep free for the ensemble once the search has found a winner: what was kept free for members as slow as
 * the slowest algorithm is worth more in its folds. Never more than before; null without a budget.
 */
export function reserveOnceFound(
  { ensembleReserveMs, folds }: Pick<Allocation, 'ensembleReserveMs' | 'folds'>,
  algorithms: BudgetInput['algorithms'],
  winner: string,
  trainingCases: number,
  testCases: number,
): number | null {
  const found = algorithms.find(({ name }) => name === winner);
  if (ensembleReserveMs === null || found === undefined) return ensembleReserveMs;
  const others = algorithms.filter((one) => one !== found).map(({ probe }) => probe);
  const members = mostMembers(folds, algorithms.length);
  const foreseenMs = ensembleBaseMs(slowest(algorithms), members, trainingCases, testCases);
  const neededMs = ensembleMsOf(found.probe, others, folds, trainingCases, testCases);
  return Math.round(Math.min(ensembleReserveMs, ensembleReserveMs - foreseenMs + neededMs));
}

/** Trainings that follow the search: the other folds, and after looks the first one too. */
export function foldTrainings({ folds, looks }: Pick<Allocation, 'folds' | 'looks'>): number {
  return looks === true ? folds : folds - 1;
}
