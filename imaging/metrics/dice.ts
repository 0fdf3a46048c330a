import { VoxhelmError } from '@voxhelm/contracts/errors';

/** Voxel counts of one class in a prediction and its truth. */
export interface Overlap {
  readonly prediction: number;
  readonly truth: number;
  readonly both: number;
}

// A table by label value stays small: 16 bits hold every label value in use (FreeSurfer's largest is 14175).
const LARGEST_LABEL_VALUE = 65_535;

/**
 * Counts each label value in both arrays and where they agree, in one pass, in the order of `labelValues`. Throws
 * `invalid-request` where the arrays differ in length or a value is not in 0..65535.
 */
export function countOverlap(
  prediction: ArrayLike<number>,
  truth: ArrayLike<number>,
  labelValues: readonly number[],
): Overlap[] {
  if (prediction.length !== truth.length) {
    throw new VoxhelmError(
      'invalid-request',
      `the prediction has ${prediction.length} voxels, its truth ${truth.length}`,
      { fix: 'Compare label maps of the same shape.' },
    );
  }
  const classOf = classTable(labelValues);
  const counts = {
    prediction: new Float64Array(labelValues.length + 1),
    truth: new Float64Array(labelValues.length + 1),
  };
  const both = new Float64Array(labelValues.length + 1);
  for (let i = 0; i < truth.length; i++) {
    // What is not asked for is counted at 0 and never read.
    const predicted = classOf[prediction[i] as number] ?? 0;
    const actual = classOf[truth[i] as number] ?? 0;
    if ((predicted | actual) === 0) continue;
    counts.prediction[predicted] = (counts.prediction[predicted] as number) + 1;
    counts.truth[actual] = (counts.truth[actual] as number) + 1;
    if (predicted === actual) both[actual] = (both[actual] as number) + 1;
  }
  return labelValues.map((_, index) => ({
    prediction: counts.prediction[index + 1] as number,
    truth: counts.truth[index + 1] as number,
    both: both[index + 1] as number,
  }));
}

/** Position + 1 in `labelValues` by label value, 0 for values that are not in it. */
function classTable(labelValues: readonly number[]): Uint32Array {
  for (const value of labelValues) {
    if (!Number.isInteger(value) || value < 0 || value > LARGEST_LABEL_VALUE) {
      throw new VoxhelmError(
        'invalid-request',
        `label value ${value} is not a whole number in 0..${LARGEST_LABEL_VALUE}`,
        {
          fix: 'Renumber the labels.',
        },
      );
    }
  }
  const table = new Uint32Array(Math.max(0, ...labelValues) + 1);
  for (const [index, value] of labelValues.entries()) table[value] = index + 1;
  return table;
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

/** Dice by label value; null for a class absent from both. Throws as {@link countOverlap}. */
export function diceByClass(
  prediction: ArrayLike<number>,
  truth: ArrayLike<number>,
  labelValues: readonly number[],
): Map<number, number | null> {
  const overlaps = countOverlap(prediction, truth, labelValues);
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
