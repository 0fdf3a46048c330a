import type { IntensityStatistics } from '@voxhelm/contracts/analysis';
import type { z } from 'zod';
import { type CountedValues, countValues, orderStatistics } from './order-statistics.ts';

/** Statistics of voxel intensities in MONAI's field names. */
export type Intensity = z.infer<typeof IntensityStatistics>;

/** The percentiles of MONAI's DataAnalyzer, as fractions. */
const QUANTILES = [0.005, 0.1, 0.9, 0.995] as const;

/** Intensities (finite, at least one) that were gone through once: several parts together give a set's statistics. */
export interface IntensityPart extends CountedValues {
  readonly low: number;
  readonly high: number;
  readonly mean: number;
  /** Sum of squared differences from the part's own mean. */
  readonly squares: number;
}

/** Goes through a part's values. */
export function intensityPart(values: Float32Array): IntensityPart {
  const mean = sumOf(values) / values.length;
  return { ...countValues(values), ...rangeOf(values), mean, squares: squaresOf(values, mean) };
}

/**
 * Statistics of all values of some parts: population standard deviation, the LOWER middle value as median (torch's
 * rule), percentiles interpolated linearly between neighbours. An empty set counts as the single value 0.
 */
export function intensityStatistics(parts: readonly IntensityPart[]): Intensity {
  const filled = parts.filter((part) => part.values.length > 0);
  if (filled.length === 0) return intensityStatistics([intensityPart(new Float32Array(1))]);
  const count = filled.reduce((sum, part) => sum + part.values.length, 0);
  const mean = filled.reduce((sum, part) => sum + part.mean * part.values.length, 0) / count;
  // Chan, Golub & LeVeque 1979: squares about the common mean, from those about each part's.
  const squares = filled.reduce((sum, part) => sum + part.squares + part.values.length * (part.mean - mean) ** 2, 0);
  const positions = QUANTILES.map((quantile) => quantile * (count - 1));
  const medianRank = Math.floor((count - 1) / 2);
  const ranks = [medianRank, ...positions.flatMap((position) => [Math.floor(position), Math.ceil(position)])];
  const found = orderStatistics(filled, ranks);
  const percentile = positions.map((position, index) => {
    const below = found[1 + index * 2] as number;
    const above = found[2 + index * 2] as number;
    return below + (position - Math.floor(position)) * (above - below);
  });
  const [p00 = 0, p10 = 0, p90 = 0, p99 = 0] = percentile;
  return {
    max: Math.max(...filled.map((part) => part.high)),
    mean,
    median: found[0] as number,
    min: Math.min(...filled.map((part) => part.low)),
    stdev: Math.sqrt(squares / count),
    percentile,
    percentile_00_5: p00,
    percentile_10_0: p10,
    percentile_90_0: p90,
    percentile_99_5: p99,
  };
}

/** Four sums side by side: one alone would wait for each addition before the next. */
function sumOf(values: Float32Array): number {
  const length = values.length;
  const even = length - (length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let index = 0; index < even; index += 4) {
    a += values[index] as number;
    b += values[index + 1] as number;
    c += values[index + 2] as number;
    d += values[index + 3] as number;
  }
  for (let index = even; index < length; index += 1) a += values[index] as number;
  return a + b + c + d;
}

function squaresOf(values: Float32Array, mean: number): number {
  const length = values.length;
  let [even, odd] = [0, 0];
  for (let index = 0; index + 1 < length; index += 2) {
    const first = (values[index] as number) - mean;
    const second = (values[index + 1] as number) - mean;
    even += first * first;
    odd += second * second;
  }
  return length % 2 === 0 ? even + odd : even + odd + ((values[length - 1] as number) - mean) ** 2;
}

/** Smallest and largest value; NaN is passed over unless it comes first. */
export function rangeOf(values: Float32Array): { low: number; high: number } {
  const length = values.length;
  let low = values[0] ?? 0;
  let high = low;
  for (let index = 1; index < length; index += 1) {
    const value = values[index] as number;
    low = value < low ? value : low;
    high = value > high ? value : high;
  }
  return { low, high };
}
