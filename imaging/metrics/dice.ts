import type { LabelData } from '../volume.ts';
import { type Confusion, confusionOf, labelledOnly } from './confusion.ts';
import { requireLabelValue } from './label-values.ts';

/** Voxel counts of one class in a prediction and its truth. */
export interface Overlap {
  readonly prediction: number;
  readonly truth: number;
  readonly both: number;
}

/**
 * Counts of each class, in the order given. A class is the label values that count for it: one, or those of a group;
 * groups may share values. Throws `invalid-request` where a value is not in 0..65535.
 */
export function overlapsOf(confusion: Confusion, classes: readonly (readonly number[])[]): Overlap[] {
  const overlaps = classes.map(() => ({ prediction: 0, truth: 0, both: 0 }));
  const classesOf = classesByValue(classes);
  for (const { predicted, actual, voxels } of confusion) {
    const found = classesOf.get(predicted) ?? [];
    const right = classesOf.get(actual) ?? [];
    for (const index of found) (overlaps[index] as Counting).prediction += voxels;
    for (const index of right) {
      const overlap = overlaps[index] as Counting;
      overlap.truth += voxels;
      if (found.includes(index)) overlap.both += voxels;
    }
  }
  return overlaps;
}

type Counting = { -readonly [Count in keyof Overlap]: number };

/** The positions of the classes that a label value counts for. */
function classesByValue(classes: readonly (readonly number[])[]): Map<number, number[]> {
  const classesOf = new Map<number, number[]>();
  for (const [index, values] of classes.entries()) {
    for (const value of new Set(values)) {
      requireLabelValue(value);
      classesOf.set(value, [...(classesOf.get(value) ?? []), index]);
    }
  }
  return classesOf;
}

/** 2|A and B| / (|A| + |B|); null where both are empty. A class found in only one of them scores 0. */
export function diceOf(overlap: Overlap): number | null {
  const sum = overlap.prediction + overlap.truth;
  return sum === 0 ? null : (2 * overlap.both) / sum;
}

/** |A and B| / |A or B|; null where both are empty. */
export function iouOf(overlap: Overlap): number | null {
  const union = overlap.prediction + overlap.truth - overlap.both;
  return union === 0 ? null : overlap.both / union;
}

/** Predicted over true volume, less 1; null where the truth is empty. */
export function volumeErrorOf(overlap: Overlap): number | null {
  return overlap.truth === 0 ? null : overlap.prediction / overlap.truth - 1;
}

/**
 * Dice by label value; null for a class absent from both. Voxels that the truth says nobody labelled (`ignoreLabel`) do not
 * count. Throws as {@link confusionOf} and {@link overlapsOf}.
 */
export function diceByClass(
  prediction: LabelData,
  truth: LabelData,
  labelValues: readonly number[],
  ignoreLabel: number | null = null,
): Map<number, number | null> {
  const labelled = labelledOnly(confusionOf(prediction, truth), ignoreLabel);
  const overlaps = overlapsOf(
    labelled,
    labelValues.map((value) => [value]),
  );
  return new Map(labelValues.map((value, index) => [value, diceOf(overlaps[index] as Overlap)]));
}

/** The mean of the values that are not null; null where there is none. */
export function meanOf(values: Iterable<number | null>): number | null {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (value === null) continue;
    sum += value;
    count += 1;
  }
  return count === 0 ? null : sum / count;
}
