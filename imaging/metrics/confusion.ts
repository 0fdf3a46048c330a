import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { LabelData } from '../volume.ts';

/*
 * Which label value of a prediction meets which of the truth, and on how many voxels: one pass, whatever the number of
 * classes. Dice, IoU and volumes of labels and of groups of labels follow from it without another look at the voxels.
 */

/** How many voxels have one value in the prediction and one in the truth. */
export interface PairCount {
  readonly predicted: number;
  readonly actual: number;
  readonly voxels: number;
}

/** Every pair of values that occurs, once. */
export type Confusion = readonly PairCount[];

const BYTE_VALUES = 256;
const BYTES_A_WORD = 4;

/** The {@link Confusion} of two label maps of one grid. Throws `invalid-request` where they differ in length. */
export function confusionOf(prediction: LabelData, truth: LabelData): Confusion {
  if (prediction.length !== truth.length) {
    throw new VoxhelmError(
      'invalid-request',
      `the prediction has ${prediction.length} voxels, its truth ${truth.length}`,
      { fix: 'Compare label maps of the same shape.' },
    );
  }
  return prediction instanceof Uint8Array && truth instanceof Uint8Array
    ? confusionOfBytes(prediction, truth)
    : confusionOfWider(prediction, truth);
}

/** Without the voxels that nobody labelled; the whole where there is no such label. */
export function labelledOnly(confusion: Confusion, ignoreLabel: number | null): Confusion {
  return ignoreLabel === null ? confusion : confusion.filter(({ actual }) => actual !== ignoreLabel);
}

/** All label values but background that either map holds, ascending. */
export function foregroundOf(confusion: Confusion): number[] {
  const values = new Set(confusion.flatMap(({ predicted, actual }) => [predicted, actual]));
  values.delete(0);
  return [...values].sort((a, b) => a - b);
}

/** Four voxels are looked at as one word, and words that repeat (most of a label map does) are counted together. */
function confusionOfBytes(prediction: Uint8Array, truth: Uint8Array): Confusion {
  const counts = new Float64Array(BYTE_VALUES * BYTE_VALUES);
  const [predictedWords, actualWords] = [wordsOf(prediction), wordsOf(truth)];
  // The bits that occur bound the values, so that the table need not be searched whole for what was counted.
  let predictedBits = 0;
  let actualBits = 0;
  for (let i = 0; i < actualWords.length; ) {
    const predicted = predictedWords[i] as number;
    const actual = actualWords[i] as number;
    const first = i;
    do i++;
    while (i < actualWords.length && predictedWords[i] === predicted && actualWords[i] === actual);
    predictedBits |= predicted;
    actualBits |= actual;
    for (let shift = 0; shift < 32; shift += 8) {
      const pair = ((predicted >>> shift) & 255) * BYTE_VALUES + ((actual >>> shift) & 255);
      counts[pair] = (counts[pair] as number) + (i - first);
    }
  }
  for (let i = actualWords.length * BYTES_A_WORD; i < truth.length; i++) {
    const [predicted, actual] = [prediction[i] as number, truth[i] as number];
    predictedBits |= predicted;
    actualBits |= actual;
    const pair = predicted * BYTE_VALUES + actual;
    counts[pair] = (counts[pair] as number) + 1;
  }
  const pairs: PairCount[] = [];
  for (let predicted = 0; predicted <= byteOf(predictedBits); predicted++) {
    for (let actual = 0; actual <= byteOf(actualBits); actual++) {
      const voxels = counts[predicted * BYTE_VALUES + actual] as number;
      if (voxels > 0) pairs.push({ predicted, actual, voxels });
    }
  }
  return pairs;
}

/** Every whole word of the bytes, which are copied where they do not begin at one. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const { buffer, byteOffset } = bytes.byteOffset % BYTES_A_WORD === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(buffer, byteOffset, Math.floor(bytes.length / BYTES_A_WORD));
}

/** The bits of all four bytes of a word in one. */
function byteOf(word: number): number {
  return (word | (word >>> 8) | (word >>> 16) | (word >>> 24)) & 255;
}

/** Values of any size: a run of one pair is counted at once, by value. */
function confusionOfWider(prediction: LabelData, truth: LabelData): Confusion {
  const counts = new Map<number, Map<number, number>>();
  for (let i = 0; i < truth.length; ) {
    const predicted = prediction[i] as number;
    const actual = truth[i] as number;
    const first = i;
    do i++;
    while (i < truth.length && prediction[i] === predicted && truth[i] === actual);
    const row = counts.get(predicted) ?? new Map<number, number>();
    counts.set(predicted, row.set(actual, (row.get(actual) ?? 0) + i - first));
  }
  return [...counts].flatMap(([predicted, row]) => [...row].map(([actual, voxels]) => ({ predicted, actual, voxels })));
}
