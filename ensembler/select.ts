import type { FusionMode, SelectionRule } from '@voxhelm/contracts/ensemble';

/*
 * Which trained models become the ensemble; pure, from validation Dice alone.
 *
 * Every validation case is voted on only by members that did NOT train on it (member.fold equals the case's fold), so no
 * number here is flattered by training data. The price: a candidate is seen only on the cases of the folds that it
 * covers, and with one member per fold its validation shows single models, not the ensemble that will predict new cases.
 *
 * The rule that follows from this (a one-standard-error rule: Breiman et al., Classification and Regression Trees, 1984):
 * candidates are ordered by how much an ensemble promises beforehand (more folds, then more members, then mean of
 * probabilities, which keeps what vote throws away). The first is the champion; a later one takes its place only when it
 * is better on the cases that both cover by more than one standard error of the paired differences. Comparing on shared
 * cases is needed because folds differ in difficulty: best-n, which ranks across folds, would otherwise win by an easy fold.
 *
 * A floor for diversity: a search spends its budget on the algorithm that learns best, so that the best of each fold are
 * often of one kind and err together. The candidate `diverse` adds the best model of each other algorithm that is not far
 * behind on its own fold. Having more members it is the first of its folds in the order above: algorithms stay together
 * unless the cases clearly say otherwise.
 */

/** What selection must know of a trained model. */
export interface SelectionMember {
  readonly trialId: string;
  /** Absent: all are of one. */
  readonly algorithm?: string;
  /** The validation fold: cases of this fold were not trained on. */
  readonly fold: number;
  /** Mean Dice (0..1) over the cases of its own fold. */
  readonly validationDice: number;
}

/** A possible ensemble, before it is scored. */
export interface CandidateDraft {
  readonly rule: SelectionRule;
  /** Number of members. */
  readonly n: number;
  readonly mode: FusionMode;
  /** Best first for `best-n`, by fold for `best-per-fold` and `diverse`, whose other algorithms follow, best first. */
  readonly trialIds: readonly string[];
  /** Number of different folds among the members. */
  readonly folds: number;
}

/** Dice of each case (0..1) by case id; cases where no class counts are left out. */
export type CaseDice = ReadonlyMap<string, number>;

/** A candidate with the Dice of every validation case that it covers. */
export interface ScoredCandidate extends CandidateDraft {
  readonly caseDice: CaseDice;
}

/** best-n is tried up to this many members (MONAI's AlgoEnsembleBestN takes 5 by default). */
export const MOST_MEMBERS = 5;

/**
 * A member below this fraction of the best one's Dice has collapsed (all background, diverged late): no fold is that
 * much harder than another, and on new cases it would pull every average down unseen, for no other member covers its fold.
 */
const COLLAPSED_FRACTION = 0.5;

/** Another algorithm's model counts where it has this share of the Dice of the best model on the same fold. */
const DIVERSE_FRACTION = 0.9;
/** Other algorithms that are added at most: each costs as much as a fold when the bundle predicts. */
const MOST_OTHERS = 2;

/** All candidates: best-n for n = 1..5, best-per-fold and diverse, each with both fusions. Independent of the members' order. */
export function draftCandidates(members: readonly SelectionMember[]): CandidateDraft[] {
  const usable = usableMembers(members);
  if (usable.length === 0) return [];
  const picks: { rule: SelectionRule; picked: readonly SelectionMember[] }[] = [
    { rule: 'best-per-fold', picked: bestPerFold(usable) },
  ];
  const others = otherAlgorithms(usable, bestPerFold(usable));
  if (others.length > 0) picks.push({ rule: 'diverse', picked: [...bestPerFold(usable), ...others] });
  for (let n = 1; n <= Math.min(MOST_MEMBERS, usable.length); n++)
    picks.push({ rule: 'best-n', picked: usable.slice(0, n) });
  return picks.flatMap(({ rule, picked }) =>
    // One member has nothing to fuse: mean and vote are the same there.
    (picked.length === 1 ? (['mean'] as const) : (['mean', 'vote'] as const)).map((mode) => ({
      rule,
      n: picked.length,
      mode,
      trialIds: picked.map((member) => member.trialId),
      folds: new Set(picked.map((member) => member.fold)).size,
    })),
  );
}

/** Members that have not collapsed, best first; equal Dice by trial id. */
export function usableMembers(members: readonly SelectionMember[]): SelectionMember[] {
  const sorted = [...members].sort(
    (a, b) => b.validationDice - a.validationDice || (a.trialId < b.trialId ? -1 : a.trialId > b.trialId ? 1 : 0),
  );
  const best = sorted[0]?.validationDice ?? 0;
  return sorted.filter((member) => member.validationDice >= best * COLLAPSED_FRACTION);
}

function bestPerFold(sorted: readonly SelectionMember[]): SelectionMember[] {
  const byFold = new Map<number, SelectionMember>();
  for (const member of sorted) if (!byFold.has(member.fold)) byFold.set(member.fold, member);
  return [...byFold.values()].sort((a, b) => a.fold - b.fold);
}

/** The best model of each algorithm that has none among the picked, where it is near the best of its fold; best first. */
function otherAlgorithms(
  sorted: readonly SelectionMember[],
  picked: readonly SelectionMember[],
): readonly SelectionMember[] {
  const known = new Set(picked.map(({ algorithm }) => algorithm));
  const bestOf = (fold: number) => picked.find((member) => member.fold === fold)?.validationDice ?? 0;
  const others: SelectionMember[] = [];
  for (const member of sorted) {
    if (others.length === MOST_OTHERS) break;
    if (known.has(member.algorithm) || member.validationDice < DIVERSE_FRACTION * bestOf(member.fold)) continue;
    known.add(member.algorithm);
    others.push(member);
  }
  return others;
}

/** A paired comparison of two lists of cases on those that both have. */
export interface PairedComparison {
  readonly cases: number;
  /** Mean of (a - b). */
  readonly difference: number;
  /** Of the mean difference; null for fewer than two cases. */
  readonly standardError: number | null;
}

/** Compares a with b on the cases that both cover. */
export function comparePaired(a: CaseDice, b: CaseDice): PairedComparison {
  const differences: number[] = [];
  for (const [caseId, dice] of a) {
    const other = b.get(caseId);
    if (other !== undefined) differences.push(dice - other);
  }
  const cases = differences.length;
  if (cases === 0) return { cases, difference: 0, standardError: null };
  const difference = differences.reduce((sum, value) => sum + value, 0) / cases;
  if (cases < 2) return { cases, difference, standardError: null };
  const squares = differences.reduce((sum, value) => sum + (value - difference) ** 2, 0);
  return { cases, difference, standardError: Math.sqrt(squares / (cases - 1) / cases) };
}

/** Differences below this are rounding, not skill. */
const ROUNDING = 1e-9;

/** True where a is better than b by more than the noise: one standard error of the paired differences. */
export function isClearlyBetter(a: CaseDice, b: CaseDice): boolean {
  const { difference, standardError } = comparePaired(a, b);
  return standardError !== null && difference > standardError + ROUNDING;
}

/** The candidate to use, by the rule at the top of this file. Throws a RangeError on an empty list. */
export function chooseCandidate<C extends ScoredCandidate>(candidates: readonly C[]): C {
  const ordered = [...candidates].sort(byPromise);
  const first = ordered[0];
  if (first === undefined) throw new RangeError('chooseCandidate needs at least one candidate');
  return ordered.reduce((champion, challenger) =>
    isClearlyBetter(challenger.caseDice, champion.caseDice) ? challenger : champion,
  );
}

function byPromise(a: ScoredCandidate, b: ScoredCandidate): number {
  return (
    b.folds - a.folds ||
    b.n - a.n ||
    order(a.mode, 'mean') - order(b.mode, 'mean') ||
    order(a.rule, 'best-per-fold') - order(b.rule, 'best-per-fold')
  );
}

function order(value: string, first: string): number {
  return value === first ? 0 : 1;
}

/** Mean over cases, or null where there is none. */
export function meanDice(caseDice: CaseDice): number | null {
  if (caseDice.size === 0) return null;
  let sum = 0;
  for (const dice of caseDice.values()) sum += dice;
  return sum / caseDice.size;
}

/** One validation case by label value: Dice as predicted, and with only the largest component kept. null: class absent. */
export interface ComponentScores {
  readonly plain: ReadonlyMap<number, number | null>;
  readonly largest: ReadonlyMap<number, number | null>;
}

/**
 * Label values of which only the largest component is kept: those whose mean Dice over the validation cases strictly
 * rises by it (nnU-Net's rule for each class).
 */
export function largestComponentClasses(cases: readonly ComponentScores[], labelValues: readonly number[]): number[] {
  return labelValues.filter((value) => {
    const plain = meanOf(cases.map((scores) => scores.plain.get(value)));
    const largest = meanOf(cases.map((scores) => scores.largest.get(value)));
    return plain !== null && largest !== null && largest > plain + ROUNDING;
  });
}

function meanOf(values: readonly (number | null | undefined)[]): number | null {
  const present = values.filter((value) => value !== null && value !== undefined);
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
}

/**
 * Sets of mirrored axes to try at test time, most thorough first. Only axes that every member was trained to see
 * mirrored: to a network that never saw a mirrored left side, a mirrored image is a foreign one.
 */
export function flipSets(trainedFlipAxes: readonly (readonly number[])[]): number[][][] {
  const [first = [], ...rest] = trainedFlipAxes;
  const axes = [...new Set(first)].filter((axis) => rest.every((other) => other.includes(axis))).sort((a, b) => a - b);
  if (axes.length === 0) return [];
  const all: number[][] = [];
  for (let bits = 1; bits < 1 << axes.length; bits++) all.push(axes.filter((_, index) => (bits >> index) & 1));
  const single = axes.map((axis) => [axis]);
  return axes.length === 1 ? [all] : [all, single];
}
