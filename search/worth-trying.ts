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

/** Without the algorithm whose shortest useful training takes longest: where the time is too short to try each. */
export function withoutSlowest<A extends ProbedAlgorithm>(
  algorithms: readonly A[],
  validationCasesOfAFold: number,
): { tried: A[]; leftOut: LeftOut } {
  const usefulMs = ({ probe }: A) => (probe.searchMs ?? 0) + trainingMs(probe, USEFUL_STEPS, validationCasesOfAFold);
  const slowest = algorithms.reduce((a, b) => (usefulMs(b) > usefulMs(a) ? b : a));
  const reason = `${USEFUL_STEPS} steps take about ${seconds(usefulMs(slowest))} on this device, and with it there would not be time for one trial of each`;
  return { tried: algorithms.filter((one) => one !== slowest), leftOut: { name: slowest.name, reason } };
}

/** Drops the slowest until each of the rest has time for a useful training; the fastest always stays. */
export function worthTrying<A extends ProbedAlgorithm>(input: TryingInput<A>): { tried: A[]; leftOut: LeftOut[] } {
  const { leftMs, parallel, splits, testCases, trainingCases } = input;
  const cases = validationCases(trainingCases, splits);
  const usefulMs = ({ probe }: A) => (probe.searchMs ?? 0) + trainingMs(probe, USEFUL_STEPS, cases);
  const tried = [...input.algorithms].sort((a, b) => usefulMs(a) - usefulMs(b));
  const leftOut: LeftOut[] = [];
  while (leftMs !== null && tried.length > 1) {
    const slowest = tried.at(-1) as A;
    const forTrainingMs = leftMs - ensembleBaseMs(slowest.probe, tried.length, trainingCases, testCases);
    const shareMs = (forTrainingMs / tried.length) * Math.min(parallel, tried.length);
    if (usefulMs(slowest) <= shareMs) break;
    tried.pop();
    const searched = slowest.probe.searchMs === undefined ? '' : 'a search for its architecture and ';
    const needs = `${searched}${USEFUL_STEPS} steps take about ${seconds(usefulMs(slowest))} on this device`;
    const has = `its share of the budget is ${seconds(Math.max(0, shareMs))}`;
    leftOut.push({ name: slowest.name, reason: `${needs}, ${has}` });
  }
  // In the order that they were asked for.
  const names = new Set(tried.map(({ name }) => name));
  return { tried: input.algorithms.filter(({ name }) => names.has(name)), leftOut };
}
