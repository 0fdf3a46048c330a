import type { Codec } from './codec.ts';

/*
 * Branches: the options of the first choice on which other parameters depend. In a study that is the algorithm.
 */

/** The branching dimension and the number of its options. */
export interface Branching {
  readonly dimension: number;
  readonly count: number;
}

/** The first unconditional choice that has dependents; null where there is none. */
export function branchingOf({ dimensions }: Codec): Branching | null {
  const dimension = dimensions.findIndex(
    ({ parents, levels }, index) =>
      parents.length === 0 &&
      levels > 1 &&
      dimensions.some((other) => other.parents.some(([parent]) => parent === index)),
  );
  return dimension < 0 ? null : { dimension, count: dimensions[dimension]?.levels ?? 0 };
}

/** How many of these vectors took each branch. */
export function branchCounts({ dimension, count }: Branching, vectors: readonly Float64Array[]): number[] {
  const counts = Array<number>(count).fill(0);
  for (const vector of vectors) {
    const branch = vector[dimension] as number;
    counts[branch] = (counts[branch] ?? 0) + 1;
  }
  return counts;
}

/** The least tried of some branches, the first of equals. */
export function leastTried(counts: readonly number[], among: readonly number[]): number {
  return among.reduce((a, b) => ((counts[b] ?? 0) < (counts[a] ?? 0) ? b : a));
}
