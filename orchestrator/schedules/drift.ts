import type { CaseAnalysis } from '@voxhelm/contracts/analysis';
import type { FeatureDrift } from '@voxhelm/contracts/schedule';

/*
 * How far new cases lie from those that a model was trained on, statistic by statistic. Medians and median absolute
 * deviations, because a single odd scan (the sample data has one of 180,000 where others have 500) must neither hide a drift
 * nor make one.
 */

/** A robust standard deviation is no less than this share of the median: constant sizes and spacings have none of their own. */
const LEAST_SPREAD = 0.02;
/** MAD to standard deviation, for a normal distribution. */
const MAD_TO_DEVIATION = 1.4826;
const AXES = ['x', 'y', 'z'] as const;

/**
 * Distances of the new cases from the trained ones by statistic, the farthest first; empty where either side has no case.
 * Both sides must have the same channels. A statistic that one side lacks (a label that no new case has) is left out.
 */
export function driftOf(trained: readonly CaseAnalysis[], found: readonly CaseAnalysis[]): FeatureDrift[] {
  const before = featuresOf(trained);
  const now = featuresOf(found);
  return [...before]
    .flatMap(([feature, values]) => {
      const fresh = now.get(feature);
      if (fresh === undefined) return [];
      const [middle, other] = [median(values), median(fresh)];
      const spread = MAD_TO_DEVIATION * median(values.map((value) => Math.abs(value - middle)));
      const floor = Math.max(spread, LEAST_SPREAD * Math.abs(middle), Number.EPSILON);
      return [{ feature, trained: middle, found: other, distance: Math.abs(other - middle) / floor }];
    })
    .sort((a, b) => b.distance - a.distance);
}

/** Values by statistic, one a case. */
function featuresOf(cases: readonly CaseAnalysis[]): Map<string, number[]> {
  const features = new Map<string, number[]>();
  const add = (feature: string, value: number | undefined): void => {
    if (value === undefined || !Number.isFinite(value)) return;
    features.set(feature, [...(features.get(feature) ?? []), value]);
  };
  for (const { image_stats: image, image_foreground_stats: foreground, label_stats: labels } of cases) {
    const several = image.channels > 1;
    for (const [channel, own] of foreground.intensity.entries()) {
      const where = several ? ` of channel ${channel}` : '';
      add(`foreground intensity${where}, median`, own.median);
      add(`foreground intensity${where}, spread`, own.stdev);
      add(`foreground intensity${where}, 0.5 %`, own.percentile_00_5);
      add(`foreground intensity${where}, 99.5 %`, own.percentile_99_5);
      add(`image intensity${where}, median`, image.intensity[channel]?.median);
    }
    for (const [axis, name] of AXES.entries()) {
      add(`size along ${name} (mm)`, image.sizemm[0]?.[axis]);
      add(`voxel size along ${name} (mm)`, image.spacing[axis]);
    }
    const volumeMl = (image.sizemm[0] ?? []).reduce((product, length) => product * length, 1) / 1000;
    for (const { value, foreground_percentage } of labels.label) {
      if (value > 0) add(`volume of label ${value} (ml)`, foreground_percentage * volumeMl);
    }
  }
  return features;
}

/** Middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
