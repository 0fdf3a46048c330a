import { createHash } from 'node:crypto';
import type { HeldOutCase } from '@voxhelm/contracts/jobs';

/*
 * The cases on which champion and challenger compare: held out for ever, from the first training on. Apart from the test
 * cases, which are scored once a run and say how good a model is, not which of two is better.
 */

/** Below this many pairs the signed-rank test cannot reach 5 % with room for one loss: 5 pairs reach 1/32 only if all win. */
export const LEAST_COMPARISON_CASES = 6;
/** Share of the training cases that is held out where the schedule names no number. */
const SHARE = 0.2;

/** How many cases of so many a first comparison holds out; never so many that fewer than two are left to train on. */
export function comparisonSize(cases: number, wanted: number | undefined): number {
  return Math.max(0, Math.min(wanted ?? Math.max(LEAST_COMPARISON_CASES, Math.round(cases * SHARE)), cases - 2));
}

/**
 * The first `count` of the cases in an order that belongs to the dataset alone, so that nobody picks them. All cases of a
 * patient go together, which may make it a few more.
 */
export function drawComparison<C extends HeldOutCase>(cases: readonly C[], count: number, datasetId: string): C[] {
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
