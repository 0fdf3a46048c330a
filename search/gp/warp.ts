/*
 * What a model is given instead of losses: values of mean 0 and variance 1 in which the differences among good trials
 * are not drowned by how bad bad ones are.
 */

/** Losses as a model sees them, order kept. */
export interface Warp {
  readonly values: Float64Array;
  /** The derivative of the value by the loss, at a loss: brings a doubt into the model's units. */
  slope(loss: number): number;
}

/** Skewness above which losses are taken by their logarithm. */
const SKEWED = 1;

function standardise(values: Float64Array): { values: Float64Array; scale: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const scale = variance > 0 ? 1 / Math.sqrt(variance) : 1;
  return { values: values.map((value) => (value - mean) * scale), scale };
}

/** The third standardised moment. */
export function skewness(values: Float64Array): number {
  const { values: z } = standardise(values);
  return z.reduce((sum, value) => sum + value ** 3, 0) / z.length;
}

/** Middle value of a list. */
export function medianOf(values: Float64Array): number {
  const sorted = values.slice().sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

/** Standardised losses; losses with a long bad tail by their logarithm above the best. */
export function warp(losses: Float64Array): Warp {
  const least = losses.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const offset = 0.1 * (medianOf(losses) - least);
  if (!(skewness(losses) > SKEWED) || !(offset > 0)) {
    const { values, scale } = standardise(losses);
    return { values, slope: () => scale };
  }
  const { values, scale } = standardise(losses.map((loss) => Math.log(loss - least + offset)));
  return { values, slope: (loss) => scale / (Math.max(0, loss - least) + offset) };
}
