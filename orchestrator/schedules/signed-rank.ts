import { signedRankPValue } from '@voxhelm/search/pruners/wilcoxon';

/** Up to so many pairs the null distribution is counted out, ties and all; above, the normal approximation is good. */
const MOST_EXACT = 50;

/**
 * One-sided p-value of Wilcoxon's signed-rank test that the differences are greater than 0. Pairs without a difference say
 * nothing and are left out (Wilcoxon 1945). Exact for few pairs also where differences are equal, which the normal
 * approximation takes for more than it is: six equal wins of six are 1/64, not 0.007.
 */
export function signedRankP(differences: readonly number[]): number {
  const there = differences.filter((difference) => difference !== 0);
  if (there.length === 0) return 1;
  if (there.length > MOST_EXACT) return signedRankPValue(there);
  const ranks = doubledRanks(there);
  const plus = there.reduce((sum, difference, i) => sum + (difference > 0 ? (ranks[i] as number) : 0), 0);
  const most = ranks.reduce((sum, rank) => sum + rank, 0);
  // ways[t]: how many of the 2^n signs give the positive ranks the sum t.
  const ways = new Float64Array(most + 1);
  ways[0] = 1;
  for (const rank of ranks) for (let total = most; total >= rank; total--) ways[total]! += ways[total - rank]!;
  return ways.slice(plus).reduce((sum, count) => sum + count, 0) / 2 ** there.length;
}

/** Twice the ranks of the absolute values, so that the mean rank of equal ones is whole. */
function doubledRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => Math.abs(values[a] as number) - Math.abs(values[b] as number));
  const size = (position: number): number => Math.abs(values[order[position] as number] as number);
  const ranks = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && isSame(size(to + 1), size(from))) to += 1;
    for (let position = from; position <= to; position++) ranks[order[position] as number] = from + to + 2;
    from = to + 1;
  }
  return ranks;
}

/** Equal but for what subtracting two scores rounds. */
function isSame(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-12;
}
