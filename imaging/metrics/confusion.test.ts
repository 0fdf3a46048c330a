import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LabelData } from '../volume.ts';
import { confusionOf, foregroundOf, labelledOnly } from './confusion.ts';
import { diceOf, iouOf, type Overlap, overlapsOf, volumeErrorOf } from './dice.ts';

/** Label maps come in runs, of one value or another; shorter and longer than what is counted at once. */
function labelsOf(values: readonly number[], length: number): fc.Arbitrary<number[]> {
  const run = fc.tuple(fc.constantFrom(...values), fc.integer({ min: 1, max: 13 }));
  return fc
    .array(run, { minLength: length, maxLength: length })
    .map((runs) => runs.flatMap(([value, count]) => Array<number>(count).fill(value)).slice(0, length));
}

/** In an array of its own, or as a part that begins anywhere in a longer one. */
function stored(Kind: Uint8ArrayConstructor | Uint16ArrayConstructor | Int32ArrayConstructor, offset: number) {
  return (labels: readonly number[]): LabelData =>
    Kind.from([...Array<number>(offset).fill(7), ...labels]).subarray(offset);
}

const VALUES = [0, 1, 2, 3, 128, 255];
const WIDE = [...VALUES, 256, 14_175, 65_535];
const kinds = fc.constantFrom(
  { Kind: Uint8Array, values: VALUES },
  { Kind: Uint16Array, values: WIDE },
  { Kind: Int32Array, values: [...WIDE, 70_000, -1] },
);
const pairs = fc
  .tuple(fc.integer({ min: 0, max: 90 }), fc.tuple(kinds, kinds), fc.tuple(fc.nat(3), fc.nat(3)))
  .chain(([length, [a, b], [first, second]]) =>
    fc.tuple(
      labelsOf(a.values, length).map(stored(a.Kind, first)),
      labelsOf(b.values, length).map(stored(b.Kind, second)),
    ),
  );

/** Class by class, voxel by voxel, as nnU-Net does: a voxel whose truth is `ignored` is none. */
function naive(prediction: LabelData, truth: LabelData, values: readonly number[], ignored: number | null): Overlap {
  const voxels = [...truth.keys()].filter((i) => truth[i] !== ignored);
  const isOne = (data: LabelData) => (i: number) => values.includes(data[i] as number);
  return {
    prediction: voxels.filter(isOne(prediction)).length,
    truth: voxels.filter(isOne(truth)).length,
    both: voxels.filter(isOne(prediction)).filter(isOne(truth)).length,
  };
}

test('one pass says of every class and group what a look at each voxel for each class says, ignored voxels left out', () => {
  const classes = [[1], [2], [3], [128], [255], [14_175], [65_535], [1, 2, 3], [2, 3], [255, 256]];
  const asked = fc.tuple(pairs, fc.constantFrom(null, 0, 2, 255, 14_175));
  fc.assert(
    fc.property(asked, ([[prediction, truth], ignored]) => {
      const overlaps = overlapsOf(labelledOnly(confusionOf(prediction, truth), ignored), classes);
      expect(overlaps).toEqual(classes.map((values) => naive(prediction, truth, values, ignored)));
    }),
    { numRuns: 250 },
  );
});

test('a single voxel is found wherever it lies', () => {
  for (let at = 0; at < 6; at++) {
    const [prediction, truth] = [new Uint8Array(6), new Uint8Array(6)];
    prediction[at] = 9;
    truth[at] = 4;
    const rest = { predicted: 0, actual: 0, voxels: 5 };
    expect(confusionOf(prediction, truth)).toEqual([rest, { predicted: 9, actual: 4, voxels: 1 }]);
  }
});

test('every voxel is of one pair, and the values found are those of either map', () => {
  fc.assert(
    fc.property(pairs, ([prediction, truth]) => {
      const confusion = confusionOf(prediction, truth);
      expect(confusion.reduce((sum, { voxels }) => sum + voxels, 0)).toBe(truth.length);
      const values = [...new Set([...prediction, ...truth])].filter((value) => value !== 0).sort((a, b) => a - b);
      expect(foregroundOf(confusion)).toEqual(values);
    }),
    { numRuns: 100 },
  );
});

test('scores are symmetric, within 0..1, 1 for equal maps, and not defined where neither has the class', () => {
  fc.assert(
    fc.property(pairs, ([prediction, truth]) => {
      const [there] = overlapsOf(confusionOf(prediction, truth), [[1, 2]]) as [Overlap];
      const [back] = overlapsOf(confusionOf(truth, prediction), [[1, 2]]) as [Overlap];
      const [dice, iou] = [diceOf(there), iouOf(there)];
      expect([diceOf(back), iouOf(back)]).toEqual([dice, iou]);
      if (dice === null) expect([iou, there.prediction + there.truth]).toEqual([null, 0]);
      else expect(iou).toBeCloseTo(dice / (2 - dice), 12);
      const [same] = overlapsOf(confusionOf(truth, truth), [[1, 2]]) as [Overlap];
      expect([diceOf(same), volumeErrorOf(same)]).toEqual(same.truth === 0 ? [null, null] : [1, 0]);
    }),
    { numRuns: 100 },
  );
});
