import { type CaseAnalysis, labelVolumeMl } from '@voxhelm/contracts/analysis';
import type { FeatureDrift } from '@voxhelm/contracts/schedule';
import { normalQuantile } from '@voxhelm/search/normal-distribution';

/*
 * How far new cases lie from those that a model was trained on, statistic by statistic: in standard errors, so that few cases
 * must lie farther than many to count. Robust estimates, because a single odd scan (the sample data has one of 180,000 where
 * others have 500) must neither hide a drift nor make one; efficient ones, because four cases say little as it is. Two
 * questions are asked of each statistic, and the clearer answer counts: have the cases moved (Hodges and Lehmann 1963), and do
 * more of them lie outside than did before, as where a part of them drifted.
 */

/** A robust standard deviation is no less than this share of its scale: constant statistics have none of their own. */
const LEAST_SPREAD = 0.02;
/** Qn of Rousseeuw and Croux (1993), and the quartiles' distance, to standard deviation, for a normal distribution. */
const QN_TO_DEVIATION = 2.2219;
const QUARTILES_TO_DEVIATION = 1 / 1.349;
/** Variance of the Hodges-Lehmann shift over that of a difference of means, for normal distributions. */
const SHIFT_VARIANCE = Math.PI / 3;
/**
 * A standard error counts no less than so many standard deviations: two batches of one scanner differ as well, and however
 * many cases there are, what moved by less than this is no drift.
 */
const LEAST_ERROR = 0.25;
/** A case lies outside from so many robust standard deviations on. */
const OUTSIDE = 2.5;
/** Values that are compared pair by pair; of more, as many evenly by rank. */
const MOST_PAIRED = 400;
const AXES = ['x', 'y', 'z'] as const;

/**
 * Distances of the new cases from the trained ones by statistic, the farthest first; empty where either side has no case.
 * Both sides must have the same channels. A statistic that one side lacks (a label that no new case has) is left out.
 */
export function driftOf(trained: readonly CaseAnalysis[], found: readonly CaseAnalysis[]): FeatureDrift[] {
  const before = featuresOf(trained);
  const now = featuresOf(found);
  return [...before]
    .flatMap(([feature, { values, scale }]) => {
      const fresh = now.get(feature)?.values;
      return fresh === undefined ? [] : [{ feature, ...distanceOf(values, fresh, scale) }];
    })
    .sort((a, b) => b.distance - a.distance);
}

function distanceOf(
  trained: readonly number[],
  found: readonly number[],
  scale: number,
): Omit<FeatureDrift, 'feature'> {
  const middle = median(trained);
  const deviation = Math.max(deviationOf(trained), LEAST_SPREAD * Math.max(scale, Math.abs(middle)), TINY);
  const error = Math.max(Math.sqrt(SHIFT_VARIANCE * (1 / trained.length + 1 / found.length)), LEAST_ERROR);
  const isOutside = (value: number): boolean => Math.abs(value - middle) > OUTSIDE * deviation;
  const outside = found.filter(isOutside).length;
  // One more of each, so that what was never seen is rare and not impossible.
  const usual = (trained.filter(isOutside).length + 1) / (trained.length + 2);
  return {
    trained: middle,
    found: median(found),
    distance: Math.max(
      Math.abs(shiftOf(trained, found)) / deviation / error,
      -normalQuantile(chanceOfAsMany(outside, found.length, usual)),
    ),
    outside: outside / found.length,
  };
}

/** Keeps a distance finite where everything is nought. */
const TINY = 1e-9;

/** How far the found values lie above the trained ones: the median of all their differences. */
function shiftOf(trained: readonly number[], found: readonly number[]): number {
  const before = evenly(trained);
  return median(evenly(found).flatMap((value) => before.map((other) => value - other)));
}

/** Robust standard deviation: the larger of two estimates, for either is nought where many values are the same. */
function deviationOf(values: readonly number[]): number {
  const sorted = evenly(values);
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] ?? 0;
  return Math.max(qnOf(sorted), QUARTILES_TO_DEVIATION * (at(0.75) - at(0.25)));
}

/** Qn: about the first quartile of the distances between two values, made unbiased for few of them. */
function qnOf(sorted: readonly number[]): number {
  const count = sorted.length;
  const distances = sorted.flatMap((high, index) => sorted.slice(0, index).map((low) => high - low));
  const half = Math.floor(count / 2) + 1;
  const chosen = distances.sort((a, b) => a - b)[(half * (half - 1)) / 2 - 1] ?? 0;
  const correction = FEW[count] ?? (count % 2 === 1 ? count / (count + 1.4) : count / (count + 3.8));
  return QN_TO_DEVIATION * correction * chosen;
}

/** Croux and Rousseeuw (1992): factors of {@link qnOf} for two to nine values. */
const FEW = [0, 0, 0.399, 0.994, 0.512, 0.844, 0.611, 0.857, 0.669, 0.872];

/** The values in order; of very many, {@link MOST_PAIRED} of them. */
function evenly(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length <= MOST_PAIRED) return sorted;
  return Array.from(
    { length: MOST_PAIRED },
    (_, i) => sorted[Math.floor(((i + 0.5) * sorted.length) / MOST_PAIRED)] ?? 0,
  );
}

/** Less cannot be told from nought by normalQuantile. */
const LEAST_CHANCE = 1e-300;

/** Probability that of `count` cases `least` or more are of a kind that comes with probability `share`. */
function chanceOfAsMany(least: number, count: number, share: number): number {
  if (least === 0) return 1;
  let chance = 0;
  let logTerm = count * Math.log1p(-share);
  for (let hits = 0; hits <= count; hits++) {
    if (hits >= least) chance += Math.exp(logTerm);
    logTerm += Math.log((count - hits) / (hits + 1)) + Math.log(share / (1 - share));
  }
  return Math.min(Math.max(chance, LEAST_CHANCE), 1);
}

/** A statistic's values, one a case, and the scale on which differences of it count (in its own unit). */
interface Feature {
  readonly values: number[];
  scale: number;
}

/** Statistics of cases. */
function featuresOf(cases: readonly CaseAnalysis[]): Map<string, Feature> {
  const features = new Map<string, Feature>();
  const add = (feature: string, value: number | null | undefined): void => {
    if (value == null || !Number.isFinite(value)) return;
    const known = features.get(feature);
    if (known === undefined) features.set(feature, { values: [value], scale: 0 });
    else known.values.push(value);
  };
  for (const one of cases) {
    const { image_stats: image, image_foreground_stats: foreground, label_stats: labels } = one;
    for (const [channel, own] of foreground.intensity.entries()) {
      const where = whereOf(channel, image.channels);
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
    for (const { value } of labels.label) {
      if (value > 0) add(`volume of label ${value} (ml)`, labelVolumeMl(one, value));
    }
  }
  // Intensities may lie about nought: what counts as little there is little of the foreground's own spread.
  const channels = cases[0]?.image_stats.channels ?? 0;
  for (let channel = 0; channel < channels; channel++) {
    const where = whereOf(channel, channels);
    const spread = median(features.get(`foreground intensity${where}, spread`)?.values ?? []);
    for (const name of [`foreground intensity${where}, `, `image intensity${where}, `]) {
      for (const [feature, own] of features) if (feature.startsWith(name)) own.scale = spread;
    }
  }
  return features;
}

function whereOf(channel: number, channels: number): string {
  return channels > 1 ? ` of channel ${channel}` : '';
}

/** Middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
