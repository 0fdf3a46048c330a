import { ensembleBaseMs, type Probe, trainingMs, validationCases } from './training-time.ts';

/*
 * Which algorithms a budget has room for. An algorithm whose shortest useful training would take more than its share of the
 * time is left out, so that the others have enough.
 */

/** Fewer steps than these say nothing about an algorithm: at 150 the sample's networks tell foreground from background. */
export const USEFUL_STEPS = 150;

/** An algorithm with its probe. */
export interface ProbedAlgorithm {
  readonly name: string;
  readonly probe: Probe;
}

/** One that is not tried, and why, for people. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/** What {@link worthTrying} is decided from. */
export interface TryingInput<A extends ProbedAlgorithm> {
  /** null: no budget, and everything is tried. */
  readonly leftMs: number | null;
  readonly algorithms: readonly A[];
  readonly trainingCases: number;
  readonly testCases: number;
  readonly splits: number;
  /** Trainers that work at once. */
  readonly parallel: number;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** Time (milliseconds) of the shortest training that tells something, a search for its architecture included. */
export function usefulMs(probe: Probe, validationCasesOfAFold: number, planSteps = USEFUL_STEPS): number {
  return (probe.searchMs ?? 0) + trainingMs(probe, Math.min(USEFUL_STEPS, planSteps), validationCasesOfAFold);
}

/** Without the algorithm whose shortest useful training takes longest; `why` it is too long, after what it takes. */
function withoutSlowest<A extends ProbedAlgorithm>(
  algorithms: readonly A[],
  cases: number,
  why: string,
): { tried: A[]; leftOut: LeftOut } {
  const slowest = slowestOf(algorithms, cases);
  const searched = slowest.probe.searchMs === undefined ? '' : 'a search for its architecture and ';
  const needs = `${searched}${USEFUL_STEPS} steps take about ${seconds(usefulMs(slowest.probe, cases))} on this device`;
  const tried = algorithms.filter((one) => one !== slowest);
  return { tried, leftOut: { name: slowest.name, reason: `${needs}, ${why}` } };
}

function slowestOf<A extends ProbedAlgorithm>(algorithms: readonly A[], cases: number): A {
  return algorithms.reduce((a, b) => (usefulMs(b.probe, cases) >= usefulMs(a.probe, cases) ? b : a));
}

/** Drops the slowest until each of the rest has time for a useful training; the fastest always stays. */
export function worthTrying<A extends ProbedAlgorithm>(input: TryingInput<A>): { tried: A[]; leftOut: LeftOut[] } {
  const { leftMs, parallel, splits, testCases, trainingCases } = input;
  const cases = validationCases(trainingCases, splits);
  let tried = [...input.algorithms];
  const leftOut: LeftOut[] = [];
  while (leftMs !== null && tried.length > 1) {
    const { probe } = slowestOf(tried, cases);
    const forTrainingMs = leftMs - ensembleBaseMs(probe, tried.length, trainingCases, testCases);
    const shareMs = (forTrainingMs / tried.length) * Math.min(parallel, tried.length);
    if (usefulMs(probe, cases) <= shareMs) break;
    const fewer = withoutSlowest(tried, cases, `its share of the budget is ${seconds(Math.max(0, shareMs))}`);
    tried = fewer.tried;
    leftOut.push(fewer.leftOut);
  }
  return { tried, leftOut };
}

/**
 * Drops the slowest until the allocation has a trial for each of the rest: time for fewer would go to whichever is named first.
 * `allocate` divides the time among algorithms.
 */
export function eachTried<A extends ProbedAlgorithm, T extends { readonly searchTrials: number }>(
  algorithms: readonly A[],
  validationCasesOfAFold: number,
  allocate: (algorithms: readonly A[]) => T,
): { tried: A[]; leftOut: LeftOut[]; allocation: T } {
  let tried = [...algorithms];
  let allocation = allocate(tried);
  const leftOut: LeftOut[] = [];
  while (allocation.searchTrials < tried.length) {
    const fewer = withoutSlowest(
      tried,
      validationCasesOfAFold,
      'and with it there would not be time for one trial of each',
    );
    tried = fewer.tried;
    leftOut.push(fewer.leftOut);
    allocation = allocate(tried);
  }
  return { tried, leftOut, allocation };
}
