import type { SuggestedCase } from '@voxhelm/contracts/schedule';

/** An unlabelled case as the ensemble sees it; `features` describe its image, in any units. */
export interface UncertainCase {
  readonly caseId: string;
  readonly uncertainty: number;
  readonly disagreement: number;
  readonly features: readonly number[];
}

/** A case with what put it in its place. */
export type OrderedCase = Omit<SuggestedCase, 'maps'>;

/**
 * The order in which to label: each next case is the one with the largest sum of uncertainty (as a share of the list's
 * largest) and novelty, its distance to the nearest case that is labelled or stands above it, d / (1 + d) of robust standard
 * deviations. So ten views of one odd scanner do not fill the head of the list.
 */
export function orderToLabel(cases: readonly UncertainCase[], labelled: readonly (readonly number[])[]): OrderedCase[] {
  const scale = featureScales([...labelled, ...cases.map(({ features }) => features)]);
  const most = Math.max(...cases.map(({ uncertainty }) => uncertainty), Number.MIN_VALUE);
  const nearest = cases.map(({ features }) =>
    labelled.reduce((least, other) => Math.min(least, distance(features, other, scale)), Number.POSITIVE_INFINITY),
  );
  const waiting = new Set(cases.keys());
  const order: OrderedCase[] = [];
  while (waiting.size > 0) {
    let [chosen, bestScore] = [-1, Number.NEGATIVE_INFINITY];
    for (const index of waiting) {
      const score = (cases[index] as UncertainCase).uncertainty / most + novelty(nearest[index] as number);
      if (score > bestScore) [chosen, bestScore] = [index, score];
    }
    const { caseId, uncertainty, disagreement, features } = cases[chosen] as UncertainCase;
    order.push({ caseId, uncertainty, disagreement, novelty: novelty(nearest[chosen] as number) });
    waiting.delete(chosen);
    for (const index of waiting) {
      const far = distance((cases[index] as UncertainCase).features, features, scale);
      nearest[index] = Math.min(nearest[index] as number, far);
    }
  }
  return order;
}

/** 1 where there is nothing to be near to. */
function novelty(far: number): number {
  return Number.isFinite(far) ? far / (1 + far) : 1;
}

/** Root of the mean squared difference, each feature in its own scale. */
function distance(a: readonly number[], b: readonly number[], scale: readonly number[]): number {
  const sum = a.reduce((total, value, i) => total + ((value - (b[i] ?? value)) / (scale[i] ?? 1)) ** 2, 0);
  return Math.sqrt(sum / Math.max(1, a.length));
}

/** 1.4826 times the median absolute deviation, which is the standard deviation of a normal distribution; 1 for a constant. */
function featureScales(rows: readonly (readonly number[])[]): number[] {
  return (rows[0] ?? []).map((_, i) => {
    const values = rows.map((row) => row[i] ?? 0);
    const middle = median(values);
    return 1.4826 * median(values.map((value) => Math.abs(value - middle))) || 1;
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
