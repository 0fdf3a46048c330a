import type { CaseAnalysis } from '@voxhelm/contracts/analysis';
import type { LabelMap, Volume } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { type Intensity, intensityPart, intensityStatistics } from './intensity-statistics.ts';

/*
 * Foreground intensities of all cases together, channel by channel, as nnU-Net's fingerprint has them (automl.md 6.2): the
 * bounds that CT is cut to. MONAI's summary has means over cases and channels of each case's percentiles instead, which say
 * little where cases differ and nothing where channels do (PET beside CT).
 */

/** Voxels that a case gives to the pool, as many as any other; nnU-Net draws 10^8 of all cases together. */
const VOXELS_PER_CASE = 5_000;

/** For each channel, intensities of foreground voxels at even distances; empty where the case has no foreground. */
export type ForegroundSample = readonly Float32Array[];

function foregroundVoxels(labels: LabelMap['data']): number {
  let count = 0;
  for (let i = 0; i < labels.length; i++) if ((labels[i] as number) > 0) count += 1;
  return count;
}

/** Takes a case's part of the pool. Image and label must be of one shape. */
export function sampleForeground(image: Volume, { data: labels }: LabelMap): ForegroundSample {
  const voxels = voxelCount(image.shape);
  const count = foregroundVoxels(labels);
  const size = Math.min(count, VOXELS_PER_CASE);
  const samples = Array.from({ length: image.channels }, () => new Float32Array(size));
  let [seen, taken] = [0, 0];
  for (let i = 0; i < labels.length && taken < size; i++) {
    if (!((labels[i] as number) > 0)) continue;
    // The k-th of n taken voxels is the one at rank floor(k * count / n).
    if (seen === Math.floor((taken * count) / size)) {
      for (const [channel, sample] of samples.entries()) sample[taken] = image.data[channel * voxels + i] as number;
      taken += 1;
    }
    seen += 1;
  }
  return samples;
}

/**
 * Statistics of the pool, one of each channel: percentiles of the samples, each case counting as much as any other with a
 * foreground; mean and deviation from the cases' own, which are exact. null where no case has foreground.
 */
export function pooledForeground(
  cases: readonly CaseAnalysis[],
  samples: readonly ForegroundSample[],
): Intensity[] | null {
  const filled = cases.flatMap((one, i) =>
    samples[i]?.some(({ length }) => length > 0) === true ? [{ one, sample: samples[i] as ForegroundSample }] : [],
  );
  const channels = Math.max(0, ...filled.map(({ sample }) => sample.length));
  if (channels === 0) return null;
  return Array.from({ length: channels }, (_, channel) => {
    const own = filled.filter(({ sample }) => channel < sample.length);
    const parts = own.map(({ one, sample }) => ({
      exact: one.image_foreground_stats.intensity[channel] as Intensity,
      values: evened(sample[channel] as Float32Array),
    }));
    const mean = parts.reduce((sum, { exact }) => sum + exact.mean / parts.length, 0);
    const square = parts.reduce((sum, { exact }) => sum + (exact.stdev ** 2 + exact.mean ** 2) / parts.length, 0);
    return {
      ...intensityStatistics(parts.map(({ values }) => intensityPart(values))),
      max: Math.max(...parts.map(({ exact }) => exact.max)),
      min: Math.min(...parts.map(({ exact }) => exact.min)),
      mean,
      stdev: Math.sqrt(Math.max(0, square - mean ** 2)),
    };
  });
}

/** As many values of a small foreground as of a large one: each of them repeated. */
function evened(values: Float32Array): Float32Array {
  if (values.length === VOXELS_PER_CASE) return values;
  return Float32Array.from(
    { length: VOXELS_PER_CASE },
    (_, i) => values[Math.floor((i * values.length) / VOXELS_PER_CASE)] as number,
  );
}
