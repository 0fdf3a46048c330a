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

const BYTES_A_WORD = 4;
const BYTE_VALUES = 256;
/** Most label maps have no value of this or more; a table of so few is made and searched in no time. */
const NARROW_VALUES = 32;
/** The bits of a word in which a byte of {@link NARROW_VALUES} or more has one. */
const BEYOND_NARROW = 0xe0e0e0e0;

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

/** How often each pair of values below `width` was met, at predicted * width + actual. */
interface Table {
  width: number;
  counts: Float64Array;
}

/** Four voxels are looked at as one word, and words that repeat (most of a label map does) are counted together. */
function confusionOfBytes(prediction: Uint8Array, truth: Uint8Array): Confusion {
  const table: Table = { width: NARROW_VALUES, counts: new Float64Array(NARROW_VALUES ** 2) };
  const [predictedWords, actualWords] = [wordsOf(prediction), wordsOf(truth)];
  for (let i = 0; i < actualWords.length; ) {
    const predicted = predictedWords[i] as number;
    const actual = actualWords[i] as number;
    const first = i;
    do i++;
    while (i < actualWords.length && predictedWords[i] === predicted && actualWords[i] === actual);
    addWord(table, predicted, actual, BYTES_A_WORD, i - first);
  }
  const rest = actualWords.length * BYTES_A_WORD;
  addWord(table, lastBytes(prediction, rest), lastBytes(truth, rest), truth.length - rest, 1);
  return pairsIn(table);
}

/** Counts the first bytes of a word that was met so many times. */
function addWord(table: Table, predicted: number, actual: number, bytes: number, times: number): void {
  if (table.width < BYTE_VALUES && ((predicted | actual) & BEYOND_NARROW) !== 0) widen(table);
  const { width, counts } = table;
  for (let shift = 0; shift < 8 * bytes; shift += 8) {
    const pair = ((predicted >>> shift) & 255) * width + ((actual >>> shift) & 255);
    counts[pair] = (counts[pair] as number) + times;
  }
}

function widen(table: Table): void {
  const counts = new Float64Array(BYTE_VALUES ** 2);
  for (const { predicted, actual, voxels } of pairsIn(table)) counts[predicted * BYTE_VALUES + actual] = voxels;
  Object.assign(table, { width: BYTE_VALUES, counts });
}

function pairsIn({ width, counts }: Table): PairCount[] {
  const pairs: PairCount[] = [];
  for (let pair = 0; pair < counts.length; pair++) {
    const voxels = counts[pair] as number;
    if (voxels > 0) pairs.push({ predicted: Math.floor(pair / width), actual: pair % width, voxels });
  }
  return pairs;
}

/** Every whole word of the bytes, which are copied where they do not begin at one. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const { buffer, byteOffset } = bytes.byteOffset % BYTES_A_WORD === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(buffer, byteOffset, Math.floor(bytes.length / BYTES_A_WORD));
}

/** The bytes from `first` on, fewer than a word has, as the first of one. */
function lastBytes(bytes: Uint8Array, first: number): number {
  let word = 0;
  for (let i = bytes.length - 1; i >= first; i--) word = (word << 8) | (bytes[i] as number);
  return word;
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
