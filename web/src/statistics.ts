import { bootstrapInterval } from '@voxhelm/contracts/bootstrap';

/** A mean with its interval. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/**
 * Mean of the values that are there, with the 95 % interval of the percentile bootstrap. The same values give the same
 * interval. null without a value.
 */
export function interval(values: readonly (number | null)[]): Interval | null {
  const there = values.filter((value) => value !== null);
  const ends = bootstrapInterval(there);
  if (ends === null) return null;
  const mean = there.reduce((sum, value) => sum + value, 0) / there.length;
  return { mean, low: ends[0], high: ends[1], count: there.length };
}
