/** A mean with its interval. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

const RESAMPLES = 2_000;

/**
 * Mean of the values that are there, with the 95 % interval of the percentile bootstrap. The same values give the same
 * interval. null without a value.
 */
export function interval(values: readonly (number | null)[]): Interval | null {
  const there = values.filter((value) => value !== null);
  if (there.length === 0) return null;
  const random = seeded(there.length);
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let draw = 0; draw < there.length; draw += 1) sum += there[Math.floor(random() * there.length)] as number;
    return sum / there.length;
  }).sort();
  return {
    mean: there.reduce((sum, value) => sum + value, 0) / there.length,
    low: means[Math.floor(RESAMPLES * 0.025)] as number,
    high: means[Math.floor(RESAMPLES * 0.975)] as number,
    count: there.length,
  };
}

/** Mulberry32: small, and even enough to resample with. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
