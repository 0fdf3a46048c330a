import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type BudgetInput, fits, SMALLEST_MARGIN_MS, SMALLEST_STEPS, spend } from './spending.ts';
import { validationCases } from './training-time.ts';
import { poorestWay } from './ways-to-spend.ts';
import { fastestOf } from './worth-trying.ts';

/*
 * The smallest budget that would do, and the refusal of a smaller one. Pure.
 */

const HOUR_MS = 3_600_000;

/** Minutes and seconds for people, rounded up. */
export function shownMs(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 120 ? `${seconds}s` : `${Math.ceil(seconds / 60)}m`;
}

/** Trainers' time for people: hours of two digits, rounded up. */
function shownGpuHours(ms: number): string {
  const hours = ms / HOUR_MS;
  const digit = 10 ** (Math.floor(Math.log10(hours)) - 1);
  return `${Number((Math.ceil(hours / digit) * digit).toPrecision(3))} gpu-hours`;
}

/** What a budget was asked as. */
export type AskedBudget = Pick<BudgetInput, 'budgetMs' | 'budgetOf' | 'elapsedMs' | 'parallel'>;

/** Trainers' time (milliseconds) of a budget by the clock: the inverse of {@link wallBudgetMs}. */
function trainersMs({ elapsedMs, parallel }: AskedBudget, wallMs: number): number {
  return elapsedMs + (wallMs - elapsedMs) * parallel;
}

/** A budget (milliseconds) as it was asked for: by the clock, or of all trainers together. */
export function askedMs(asked: AskedBudget): number {
  const budgetMs = asked.budgetMs ?? 0;
  return asked.budgetOf === 'trainers' ? trainersMs(asked, budgetMs) : budgetMs;
}

/** A budget for people, in the unit in which it was asked for. */
function shownBudget(asked: AskedBudget): string {
  const ms = askedMs(asked);
  return asked.budgetOf === 'trainers' ? `${Number((ms / HOUR_MS).toPrecision(6))} gpu-hours` : shownMs(ms);
}

/** The least time (milliseconds) of what is left in which one useful training and its ensemble fit. */
export function smallestLeftMs(input: BudgetInput): number {
  const { trials, folds, splits, steps } = poorestWay(input);
  let leftMs = SMALLEST_MARGIN_MS;
  while (!fits(input, leftMs, spend(input, leftMs, trials, folds, splits), steps)) leftMs *= 1.02;
  return leftMs;
}

/**
 * The smallest budget is told with so much more than the estimate says: what is told must do when it is given, and a busy machine
 * is not the same twice. Two loaded cores took 7 minutes where they had told 6 (25 November).
 */
const PROMISE = 1.3;
const MORE_THAN_ASKED = 1.2;

/** The smallest budget that would do: what the fastest algorithm takes alone, the others not even measured. */
function smallestBudgetMs(input: BudgetInput): { name: string; alone: BudgetInput; smallestMs: number } {
  const cases = validationCases(input.trainingCases, poorestWay(input).splits);
  const fastest = fastestOf(input.algorithms, cases, input.steps);
  const othersMs = input.algorithms.reduce((sum, one) => sum + (one === fastest ? 0 : (one.probe.tookMs ?? 0)), 0);
  const elapsedMs = Math.max(0, input.elapsedMs - othersMs);
  const alone = { ...input, elapsedMs, algorithms: [fastest] };
  const neededMs = PROMISE * (elapsedMs + smallestLeftMs(alone));
  // More than was asked for in any case: the machine may have been kept from its work.
  const smallestMs = Math.max(neededMs, MORE_THAN_ASKED * (input.budgetMs ?? 0));
  return { name: fastest.name, alone, smallestMs };
}

/**
 * Refuses a budget in which not one training and its ensemble fit, naming the smallest that would do: what the fastest of these
 * algorithms needs alone.
 */
export function refuseBudget(input: BudgetInput): never {
  const { name, alone, smallestMs } = smallestBudgetMs(input);
  const { trials, folds } = poorestWay(alone);
  const smallest = input.budgetOf === 'trainers' ? shownGpuHours(trainersMs(alone, smallestMs)) : shownMs(smallestMs);
  throw new VoxhelmError(
    'invalid-request',
    `the budget of ${shownBudget(input)} is too small: of ${name} alone, ${trials} search trial(s) and ${folds} fold(s) of at least ${SMALLEST_STEPS} steps, and the ensemble, may take ${smallest} on this device`,
    { fix: `Give a budget of ${smallest} or more.`, details: { field: 'budget', smallestMs } },
  );
}

/**
 * Refuses a budget that was over before its first algorithm was measured: nothing tells then how much would do. `failure`: why its
 * last attempt failed, where it did.
 */
export function refuseUnmeasured(asked: AskedBudget, algorithm: string, failure: string | null): never {
  const why =
    failure === null ? 'with the wait for a trainer, that takes longer' : `it failed (${failure}) and was tried again`;
  throw new VoxhelmError(
    'invalid-request',
    `the budget of ${shownBudget(asked)} was over before ${algorithm}, expected to be the fastest of the algorithms, was measured: ${why}`,
    {
      fix: 'Give a larger budget. If this one should do, look at the trainer and its log: other runs may keep it busy, or it may hang.',
      details: { field: 'budget' },
    },
  );
}
