import { VoxhelmError } from '@voxhelm/contracts/errors';
import { lookSteps } from './looks.ts';
import { refuseBudget, shownMs } from './smallest-budget.ts';
import { type BudgetInput, fits, leftMsOf, type Spending, slowest, spend, stepsByAlgorithm } from './spending.ts';
import { ensembleBaseMs, ensembleMsOf, mostMembers, validationCases } from './training-time.ts';
import { DEFAULT_FOLDS, poorestWay, splitsFor, waysToSpend } from './ways-to-spend.ts';

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

/** Search trials of a run without a budget. */
export const DEFAULT_TRIALS = 8;

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
  return tryAllocate(input) ?? refuseBudget(input);
}

/** {@link allocate}; null where the budget is too small for these algorithms. */
export function tryAllocate(input: BudgetInput): Allocation | null {
  checkInput(input);
  const leftMs = leftMsOf(input);
  if (leftMs === null) return unlimited(input);
  let chosen: Spending | null = null;
  for (const { trials, folds, splits, steps } of waysToSpend(input)) {
    const spending = spend(input, leftMs, trials, folds, splits);
    if (fits(input, leftMs, spending, steps)) chosen = spending;
  }
  if (chosen === null) {
    if (input.steps === null) return null;
    // Steps that the user fixed are kept whatever they cost; the rest is then as little as the request allows.
    const least = poorestWay(input);
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
