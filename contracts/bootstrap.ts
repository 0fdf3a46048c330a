/*
 * The interval of a mean, wherever one is shown or decided by: the same values give the same interval, in the service and in
 * the browser.
 */

const RESAMPLES = 2_000;

/** 95 % interval of the mean: percentiles of the means of values drawn with replacement. null without a value. */
export function bootstrapInterval(values: readonly number[]): [number, number] | null {
  if (values.length === 0) return null;
  const random = seeded(values.length);
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw += 1) sum += values[Math.floor(random() * values.length)] as number;
    return sum / values.length;
  }).sort();
  return [means[Math.floor(RESAMPLES * 0.025)] as number, means[Math.floor(RESAMPLES * 0.975)] as number];
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
