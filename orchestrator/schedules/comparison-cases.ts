import { createHash } from 'node:crypto';
import type { CaseIdentity } from '@voxhelm/contracts/jobs';
import { LEAST_PAIRS } from './compare.ts';

/*
 * The cases on which champion and challenger compare: held out for ever, from the first training on. Apart from the test
 * cases, which are scored once a run and say how good a model is, not which of two is better.
 */

/** Below this many pairs the signed-rank test cannot reach 5 % with room for one loss: 5 pairs reach 1/32 only if all win. */
export const LEAST_COMPARISON_CASES = 6;
/** Share of the training cases that is held out at first where the schedule names no number. */
const SHARE = 0.2;
/** So many cases at least are left to train on. */
const LEAST_TRAINED = 2;

/** How many cases of so many a first comparison holds out; never so many that fewer than two are left to train on. */
export function comparisonSize(cases: number, wanted: number | undefined): number {
  return Math.max(
    0,
    Math.min(wanted ?? Math.max(LEAST_COMPARISON_CASES, Math.round(cases * SHARE)), cases - LEAST_TRAINED),
  );
}

/** What a draw goes by. Counts of cases. */
export interface DrawInput {
  /** Valid training cases, the comparison cases among them. */
  readonly total: number;
  /** Comparison cases that there are already, and of these the ones that the champion did not learn from. */
  readonly held: number;
  readonly usable: number;
  /** Cases that may be drawn: at first whatever the champion did not see, later the new ones. */
  readonly candidates: number;
  /** The schedule's own numbers. */
  readonly wanted: number | undefined;
  readonly shareOfNew: number;
}

/**
 * How many more comparison cases to draw. The first draw is {@link comparisonSize}; later ones bring the comparison cases back
 * to their share of all, from at most half of the new cases. Where too few are left for any test, all but two of the new ones.
 * Depends on what there is and not on how often it was asked: a retraining that failed draws nothing more the next time.
 */
export function casesToDraw({ total, held, usable, candidates, wanted, shareOfNew }: DrawInput): number {
  if (held === 0) return comparisonSize(candidates, wanted);
  const missing = Math.max(wanted ?? LEAST_COMPARISON_CASES, Math.floor(shareOfNew * total)) - usable;
  const most = usable < LEAST_PAIRS ? candidates - LEAST_TRAINED : Math.floor(candidates / 2);
  return shareOfNew === 0 ? 0 : Math.max(0, Math.min(missing, most));
}

/**
 * The first `count` of the cases in an order that belongs to the dataset alone, so that nobody picks them. All cases of a
 * patient go together, which may make it a few more.
 */
export function drawComparison<C extends CaseIdentity>(cases: readonly C[], count: number, datasetId: string): C[] {
  const groups = new Map<string, C[]>();
  for (const one of cases) {
    const key = one.patient ? `patient ${one.patient}` : `case ${one.caseId}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const rank = (key: string): string => createHash('sha256').update(`${datasetId} ${key}`).digest('hex');
  const order = [...groups]
    .map(([key, group]) => ({ rank: rank(key), group }))
    .sort((a, b) => (a.rank < b.rank ? -1 : 1));
  const drawn: C[] = [];
  for (const { group } of order)
    if (drawn.length < count && drawn.length + group.length < cases.length) drawn.push(...group);
  return drawn;
}
