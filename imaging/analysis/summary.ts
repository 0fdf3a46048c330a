import {
  type AnalysisSummary,
  type CaseAnalysis,
  labelVolumeMl,
  type SampleStatistics,
} from '@voxhelm/contracts/analysis';
import type { Intensity } from './intensity-statistics.ts';

/** The percentiles of MONAI's DataAnalyzer. */
const PERCENTILES = [0.5, 10, 90, 99.5] as const;

/**
 * Statistics over cases in MONAI's fields. Shapes and counts are whole numbers, so their percentiles are cut to whole
 * ones; intensities are means over cases and channels of per-case statistics, not pooled. Labels are keyed by value
 * (MONAI's are by position, which mixes labels up where a case lacks one).
 */
export function summarizeAnalysis(cases: readonly CaseAnalysis[]): AnalysisSummary {
  const labels = [...new Set(cases.flatMap((one) => one.label_stats.labels))].sort((a, b) => a - b);
  return {
    n_cases: cases.length,
    image_stats: {
      shape: rowStatistics(
        cases.flatMap((one) => one.image_stats.shape),
        true,
      ),
      channels: numberStatistics(
        cases.map((one) => one.image_stats.channels),
        true,
      ),
      cropped_shape: rowStatistics(
        cases.flatMap((one) => one.image_stats.cropped_shape),
        true,
      ),
      spacing: rowStatistics(
        cases.map((one) => one.image_stats.spacing),
        false,
      ),
      sizemm: rowStatistics(
        cases.flatMap((one) => one.image_stats.sizemm),
        false,
      ),
      intensity: meanIntensity(cases.flatMap((one) => one.image_stats.intensity)),
    },
    image_foreground_stats: { intensity: meanIntensity(cases.flatMap((one) => one.image_foreground_stats.intensity)) },
    label_stats: {
      labels,
      image_intensity: meanIntensity(cases.flatMap((one) => one.label_stats.image_intensity)),
      label: labels.map((value) => {
        const own = cases.flatMap((one) => one.label_stats.label.filter((label) => label.value === value));
        return {
          value,
          foreground_percentage: numberStatistics(
            own.map((label) => label.foreground_percentage),
            false,
          ),
          volume_ml: numberStatistics(
            cases.flatMap((one) => labelVolumeMl(one, value) ?? []),
            false,
          ),
          image_intensity: meanIntensity(own.flatMap((label) => label.image_intensity)),
          shape: rowStatistics(
            own.flatMap((label) => label.shape),
            true,
          ),
          ncomponents: numberStatistics(
            own.map((label) => label.ncomponents),
            true,
          ),
        };
      }),
    },
  };
}

/** Population statistics of numbers, with numpy's median (the mean of both middle values). */
function numberStatistics(values: readonly number[], whole: boolean): SampleStatistics {
  const sorted = [...values].sort((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / sorted.length;
  const percentile = PERCENTILES.map((percent) => {
    const value = interpolate(sorted, percent / 100);
    return whole ? Math.trunc(value) : value;
  });
  return {
    max: sorted.at(-1) ?? 0,
    mean,
    median: interpolate(sorted, 0.5),
    min: sorted[0] ?? 0,
    stdev: Math.sqrt(variance),
    percentile,
    ...namedPercentiles(percentile),
  };
}

/** The same for each column of a table: one number per axis. */
function rowStatistics(rows: readonly (readonly number[])[], whole: boolean): SampleStatistics {
  const columns = (rows[0] ?? []).map((_, axis) =>
    numberStatistics(
      rows.map((row) => row[axis] ?? 0),
      whole,
    ),
  );
  const pick = (key: 'max' | 'mean' | 'median' | 'min' | 'stdev'): number[] =>
    columns.map((column) => column[key] as number);
  const percentile = PERCENTILES.map((_, index) => columns.map((column) => column.percentile?.[index] as number));
  return {
    max: pick('max'),
    mean: pick('mean'),
    median: pick('median'),
    min: pick('min'),
    stdev: pick('stdev'),
    percentile,
    ...namedPercentiles(percentile),
  };
}

function namedPercentiles<T>(percentile: readonly T[]): {
  percentile_00_5: T;
  percentile_10_0: T;
  percentile_90_0: T;
  percentile_99_5: T;
} {
  const [p00, p10, p90, p99] = percentile as [T, T, T, T];
  return { percentile_00_5: p00, percentile_10_0: p10, percentile_90_0: p90, percentile_99_5: p99 };
}

/** Largest maximum, smallest minimum, and the mean of everything else. */
function meanIntensity(values: readonly Intensity[]): Intensity {
  const mean = (key: Exclude<keyof Intensity, 'percentile'>): number =>
    values.reduce((sum, value) => sum + value[key], 0) / values.length;
  return {
    max: values.reduce((largest, value) => Math.max(largest, value.max), Number.NEGATIVE_INFINITY),
    mean: mean('mean'),
    median: mean('median'),
    min: values.reduce((smallest, value) => Math.min(smallest, value.min), Number.POSITIVE_INFINITY),
    stdev: mean('stdev'),
    percentile_00_5: mean('percentile_00_5'),
    percentile_10_0: mean('percentile_10_0'),
    percentile_90_0: mean('percentile_90_0'),
    percentile_99_5: mean('percentile_99_5'),
  };
}

function interpolate(sorted: readonly number[], fraction: number): number {
  const position = fraction * (sorted.length - 1);
  const below = sorted[Math.floor(position)] ?? 0;
  const above = sorted[Math.ceil(position)] ?? 0;
  return below + (position - Math.floor(position)) * (above - below);
}
