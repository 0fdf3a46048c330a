import { type AskedBudget, askedMs, shownMs, smallestLeftMs } from './smallest-budget.ts';
import { type BudgetInput, leftMsOf } from './spending.ts';
import { type Probe, validationCases } from './training-time.ts';
import { fastestOf, usefulMs, worthTrying } from './worth-trying.ts';

/*
 * How long a budget has time to measure an algorithm, and whether at all. Measuring is part of the budget: the algorithm that is expected to be
 * the fastest is measured first, and another one only where a training of both is expected to fit afterwards. Pure.
 */

/** An algorithm and its pace: expected times relative to other algorithms', until it is measured itself. */
export interface Paced {
  readonly name: string;
  readonly pace: number;
}

/** One that was measured. */
export type Measured = Paced & BudgetInput['algorithms'][number];

/** What {@link nextProbe} is decided from; `algorithms` are those that were measured and may train. */
export interface NextProbeInput extends BudgetInput {
  readonly algorithms: readonly Measured[];
  /** `hasTrials`: finished trials of it are taken over, so that it needs no time to be compared. */
  readonly next: Paced & { readonly hasTrials?: boolean | undefined };
  /** Folds that the cases are cut into. */
  readonly splits: number;
}

/** How long the measuring may take (milliseconds, null: without a budget as long as it does), or why it is left out. */
export type NextProbe = { readonly withinMs: number | null } | { readonly leftOut: string };

/** No single measuring takes more of what is left. */
const MOST_SHARE = 1 / 3;
/** Where a trainer does not tell how long it measured: it does about so many steps, and predicts a case twice. */
const PROBE_STEPS = 20;
/** What the fastest needs is kept free with so much more: it has to hold on a machine that others use. */
const KEPT_FREE = 1.15;

/** Time (milliseconds) that measuring takes. */
function probeMs({ tookMs, startMs, stepMs, predictCaseMs }: Probe): number {
  return tookMs ?? startMs + PROBE_STEPS * stepMs + 2 * predictCaseMs;
}

/** What an algorithm is expected to take, by another one's probe. */
function expected({ pace, probe }: Measured, next: Paced): Probe {
  const ratio = next.pace / pace;
  return {
    stepMs: ratio * probe.stepMs,
    predictCaseMs: ratio * probe.predictCaseMs,
    startMs: ratio * probe.startMs,
    fuseCaseMs: probe.fuseCaseMs,
    tookMs: ratio * probeMs(probe),
  };
}

/** Even where less is left, the first is measured for so long: it usually is by then, and its times tell which budget would do. */
const FIRST_AT_LEAST_MS = 120_000;

/**
 * How long (milliseconds) the first algorithm may be measured: while the budget lasts. A run that is not measured by then has no time
 * to train, so that nothing is cut which would have come to something. null: as long as it takes, for there is no budget, or the steps
 * are fixed, which are trained whatever the budget.
 * @param wasCut it was measured so long already: what is left now, 0 or less where the budget is over (it may have been raised).
 */
export function firstProbeMs(asked: AskedBudget & Pick<BudgetInput, 'steps'>, wasCut: boolean): number | null {
  if (asked.budgetMs === null || asked.steps !== null) return null;
  // A probe takes one trainer, however many there are.
  const leftMs = askedMs(asked) - asked.elapsedMs;
  return wasCut ? leftMs : Math.max(leftMs, FIRST_AT_LEAST_MS);
}

/** Decides whether `next` is measured, once `algorithms` are. */
export function nextProbe(input: NextProbeInput): NextProbe {
  const { algorithms, next, parallel, splits, steps, testCases, trainingCases } = input;
  const leftMs = leftMsOf(input);
  if (leftMs === null) return { withinMs: null };
  if (leftMs <= 0) return { leftOut: 'the budget was over before it could be measured' };
  // It may be the only one that trains.
  if (algorithms.length === 0) return { withinMs: MOST_SHARE * leftMs };
  const cases = validationCases(trainingCases, splits);
  const fastest = fastestOf(algorithms, cases, steps);
  const keptMs = KEPT_FREE * smallestLeftMs({ ...input, algorithms: [fastest] });
  const probe = expected(fastest, next);
  const expectedMs = probeMs(probe);
  const withinMs = Math.min(leftMs - keptMs, MOST_SHARE * leftMs);
  const left = shownMs(leftMs);
  if (withinMs < expectedMs) {
    return {
      leftOut: `measuring it is expected to take about ${shownMs(expectedMs)}, ${left} are left, and a useful training of ${fastest.name} needs ${shownMs(keptMs)} of them`,
    };
  }
  if (next.hasTrials === true) return { withinMs };
  const { leftOut } = worthTrying({
    leftMs: leftMs - expectedMs,
    algorithms: [...algorithms, { name: next.name, probe }],
    ...{ trainingCases, testCases, splits, parallel, steps },
  });
  if (!leftOut.some(({ name }) => name === next.name)) return { withinMs };
  const neededMs = expectedMs + usefulMs(probe, cases, steps);
  return {
    leftOut: `measuring and training it usefully is expected to take about ${shownMs(neededMs)}, too much of the ${left} that are left`,
  };
}
