import { normalCdf } from './normal-distribution.ts';

/** Up to so many pairs the null distribution is counted out, ties and all; above, the normal approximation is good. */
const MOST_EXACT = 50;
/** Differences below this are none: what subtracting two scores rounds. */
const NOTHING = 1e-12;

/**
 * One-sided p-value of Wilcoxon's signed-rank test that the differences are greater than 0 by chance. Exact for few pairs also
 * where differences are equal, which the normal approximation takes for more than it is: six equal wins of six are 1/64, not
 * 0.007.
 * @param zeros pairs without a difference: `drop` leaves them out, for they say nothing (Wilcoxon 1945); `rank` lets them take
 * the lowest ranks, so that few differences among many equal pairs count for less (Pratt 1959, as Optuna's pruner does).
 */
export function signedRankP(differences: readonly number[], zeros: 'drop' | 'rank' = 'drop'): number {
  const isThere = (difference: number): boolean => Math.abs(difference) > NOTHING;
  const ranked = zeros === 'drop' ? differences.filter(isThere) : differences;
  const pairs = doubledRanks(ranked)
    .map((rank, i) => ({ rank, difference: ranked[i] as number }))
    .filter(({ difference }) => isThere(difference));
  if (pairs.length === 0) return 1;
  const plus = pairs.reduce((sum, { rank, difference }) => sum + (difference > 0 ? rank : 0), 0);
  const most = pairs.reduce((sum, { rank }) => sum + rank, 0);
  if (pairs.length > MOST_EXACT) {
    const deviation = Math.sqrt(pairs.reduce((sum, { rank }) => sum + rank ** 2, 0)) / 2;
    return 1 - normalCdf((plus - most / 2) / deviation);
  }
  // ways[t]: how many of the 2^n signs give the positive ranks the sum t.
  const ways = new Float64Array(most + 1);
  ways[0] = 1;
  for (const { rank } of pairs) for (let total = most; total >= rank; total--) ways[total]! += ways[total - rank]!;
  return ways.slice(plus).reduce((sum, count) => sum + count, 0) / 2 ** pairs.length;
}

/** Twice the ranks of the absolute values, so that the mean rank of equal ones is whole. */
function doubledRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => Math.abs(values[a] as number) - Math.abs(values[b] as number));
  const size = (position: number): number => Math.abs(values[order[position] as number] as number);
  const ranks = new Array<number>(values.length).fill(0);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to + 1 < order.length && size(to + 1) - size(from) <= NOTHING) to += 1;
    for (let position = from; position <= to; position++) ranks[order[position] as number] = from + to + 2;
    from = to + 1;
  }
  return ranks;
}
