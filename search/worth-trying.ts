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
  /** Finished trials of it are taken over from another run: it needs no time to be compared. */
  readonly hasTrials?: boolean | undefined;
}

/** One that is not tried, and why, for people. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/** What a training that tells something needs: the cases that it validates on, and the steps that the user fixed, if any. */
interface Useful {
  readonly cases: number;
  readonly steps: number | null;
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
  /** Steps of every training, where the user fixed them; null: {@link USEFUL_STEPS} tell something. */
  readonly steps: number | null;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** Time (milliseconds) of the shortest training that tells something, a search for its architecture included. */
export function usefulMs(probe: Probe, validationCasesOfAFold: number, steps: number | null = null): number {
  return (probe.searchMs ?? 0) + trainingMs(probe, steps ?? USEFUL_STEPS, validationCasesOfAFold);
}

/** The algorithm whose shortest useful training takes least time. */
export function fastestOf<A extends ProbedAlgorithm>(
  algorithms: readonly A[],
  cases: number,
  steps: number | null = null,
): A {
  return algorithms.reduce((a, b) => (usefulMs(b.probe, cases, steps) < usefulMs(a.probe, cases, steps) ? b : a));
}

/**
 * The algorithm to leave out first: of those that have no trial yet the one whose shortest useful training takes longest, never the
 * fastest of all. `evenWithTrials`: where there is no other, one that has trials. null: none.
 */
function firstToGo<A extends ProbedAlgorithm>(
  algorithms: readonly A[],
  { cases, steps }: Useful,
  evenWithTrials = false,
): A | null {
  const fastest = fastestOf(algorithms, cases, steps);
  const others = algorithms.filter((one) => one !== fastest);
  const without = others.filter(({ hasTrials }) => hasTrials !== true);
  const [first, ...rest] = without.length === 0 && evenWithTrials ? others : without;
  if (first === undefined) return null;
  const takes = ({ probe }: A): number => usefulMs(probe, cases, steps);
  return rest.reduce((a, b) => (takes(b) >= takes(a) ? b : a), first);
}

/** Tells of an algorithm that is left out what it takes, and `why` that is too long. */
function leftOutFor({ name, probe }: ProbedAlgorithm, { cases, steps }: Useful, why: string): LeftOut {
  const searched = probe.searchMs === undefined ? '' : 'a search for its architecture and ';
  const needs = `${searched}${steps ?? USEFUL_STEPS} steps take about ${seconds(usefulMs(probe, cases, steps))}`;
  return { name, reason: `${needs} on this device, ${why}` };
}

/** Drops the slowest until each of the rest has time for a useful training; the fastest always stays. */
export function worthTrying<A extends ProbedAlgorithm>(input: TryingInput<A>): { tried: A[]; leftOut: LeftOut[] } {
  const { leftMs, parallel, splits, steps, testCases, trainingCases } = input;
  const useful = { cases: validationCases(trainingCases, splits), steps };
  let tried = [...input.algorithms];
  const leftOut: LeftOut[] = [];
  while (leftMs !== null) {
    const slowest = firstToGo(tried, useful);
    if (slowest === null) break;
    const forTrainingMs = leftMs - ensembleBaseMs(slowest.probe, tried.length, trainingCases, testCases);
    const shareMs = (forTrainingMs / tried.length) * Math.min(parallel, tried.length);
    if (usefulMs(slowest.probe, useful.cases, steps) <= shareMs) break;
    leftOut.push(leftOutFor(slowest, useful, `its share of the budget is ${seconds(Math.max(0, shareMs))}`));
    tried = tried.filter((one) => one !== slowest);
  }
  return { tried, leftOut };
}

/** What {@link eachTried} is decided by, beside the algorithms. */
export interface EachTriedInput<A extends ProbedAlgorithm, T> {
  readonly validationCasesOfAFold: number;
  /** The steps that the user fixed. */
  readonly steps: number | null;
  /** Trials or steps that the user counted are kept, whatever they leave untried. */
  readonly anyTrials: boolean;
  /** Divides the time among algorithms; null where it is too little for these. */
  allocate(algorithms: readonly A[]): T | null;
}

/**
 * Drops the slowest until the allocation has a trial for each of the rest: time for fewer would go to whichever is named first.
 * `allocation` is null where the time is too little for the fastest alone.
 */
export function eachTried<A extends ProbedAlgorithm, T extends { readonly searchTrials: number }>(
  algorithms: readonly A[],
  { allocate, anyTrials, steps, validationCasesOfAFold }: EachTriedInput<A, T>,
): { tried: A[]; leftOut: LeftOut[]; allocation: T | null } {
  const useful = { cases: validationCasesOfAFold, steps };
  let tried = [...algorithms];
  let allocation = allocate(tried);
  const leftOut: LeftOut[] = [];
  while (allocation === null || (!anyTrials && allocation.searchTrials < tried.length)) {
    const slowest = firstToGo(tried, useful, allocation === null);
    if (slowest === null) break;
    leftOut.push(leftOutFor(slowest, useful, 'and with it there would not be time for one trial of each'));
    tried = tried.filter((one) => one !== slowest);
    allocation = allocate(tried);
  }
  return { tried, leftOut, allocation };
}
