import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeNifti } from '../nifti.ts';
import { type Affine, affineAt, type LabelMap, type Vec3 } from '../volume.ts';
import { type ChosenEvaluation, evaluateFolders } from './evaluate-folders.ts';

/* Predictions whose axes run otherwise than their label's, as nibabel's `as_reoriented` and MONAI's Orientationd leave them. */

const SHAPE: Vec3 = [7, 6, 5];
/** Sides of 0.8, 1.5 and 3 mm, so that a distance along a wrong axis is another. */
const STRAIGHT: Affine = [0.8, 0, 0, -10, 0, 1.5, 0, 20, 0, 0, 3, 5, 0, 0, 0, 1];
/** Turned by 45 degrees about z: neither in-plane axis is nearer to right than to front. */
const HALF = Math.SQRT1_2;
const OBLIQUE: Affine = [0.8 * HALF, -1.5 * HALF, 0, -10, 0.8 * HALF, 1.5 * HALF, 0, 20, 0, 0, 3, 5, 0, 0, 0, 1];

/** A box of label 1 with a corner of label 2, from one voxel to another. */
function box(affine: Affine, from: Vec3, to: Vec3): LabelMap {
  const data = new Uint8Array(SHAPE[0] * SHAPE[1] * SHAPE[2]);
  for (let x = from[0]; x < to[0]; x++)
    for (let y = from[1]; y < to[1]; y++)
      for (let z = from[2]; z < to[2]; z++) data[(x * SHAPE[1] + y) * SHAPE[2] + z] = x < from[0] + 2 ? 2 : 1;
  return { shape: SHAPE, data, affine };
}

/** The same map, stored with axis `from[i]` as its axis i, backwards where `flip[i]`; written out voxel by voxel. */
function storedAs(map: LabelMap, from: Vec3, flip: readonly [boolean, boolean, boolean]): LabelMap {
  const shape = from.map((axis) => map.shape[axis]) as unknown as Vec3;
  const data = new Uint8Array(map.data.length);
  let to = 0;
  for (let x = 0; x < shape[0]; x++)
    for (let y = 0; y < shape[1]; y++)
      for (let z = 0; z < shape[2]; z++) {
        const old = [0, 0, 0];
        [x, y, z].forEach((index, axis) => {
          old[from[axis] as number] = flip[axis] === true ? (shape[axis] as number) - 1 - index : index;
        });
        const [i, j, k] = old as [number, number, number];
        data[to++] = map.data[(i * map.shape[1] + j) * map.shape[2] + k] as number;
      }
  const rows = [0, 1, 2].flatMap((row) => {
    const columns = from.map((axis, index) => (flip[index] === true ? -1 : 1) * affineAt(map.affine, row, axis));
    const start = columns.reduce(
      (sum, column, index) => (flip[index] === true ? sum - column * ((shape[index] as number) - 1) : sum),
      affineAt(map.affine, row, 3),
    );
    return [...columns, start];
  });
  return { shape, data, affine: [...rows, 0, 0, 0, 1] };
}

describe('evaluateFolders, of a prediction that was turned', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'voxhelm-same-grid-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });
  async function scored(prediction: LabelMap, truth: LabelMap): Promise<ChosenEvaluation> {
    await writeNifti(join(folder, 'pred/a.nii'), prediction);
    await writeNifti(join(folder, 'labels/a.nii'), truth);
    return evaluateFolders(join(folder, 'pred'), join(folder, 'labels'), 1);
  }

  test.each([
    ['straight', STRAIGHT],
    ['oblique', OBLIQUE],
  ])('its scores are those of the unturned file, each distance along its own axis (%s)', async (_, affine) => {
    const [prediction, truth] = [box(affine, [0, 1, 0], [4, 5, 3]), box(affine, [1, 1, 1], [6, 4, 4])];
    const plain = await scored(prediction, truth);
    expect(plain.turned).toBeUndefined();
    for (const from of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 0, 1],
    ] as const) {
      for (const flip of [
        [true, false, false],
        [false, true, true],
      ] as const) {
        expect(await scored(storedAs(prediction, from, flip), truth)).toEqual({ ...plain, turned: ['a'] });
      }
    }
    const turnedTruth = await scored(prediction, storedAs(truth, [1, 2, 0], [false, true, false]));
    expect(turnedTruth.mean.dice).toBe(plain.mean.dice);
    expect(turnedTruth.mean.hdMm).toBeCloseTo(plain.mean.hdMm as number, 5);
    expect(turnedTruth.mean.assdMm).toBeCloseTo(plain.mean.assdMm as number, 5);
  });

  test("nibabel's slicer[::-1], which leaves the origin, is refused with what it is", async () => {
    const truth = box(STRAIGHT, [1, 1, 1], [6, 4, 4]);
    const flipped = storedAs(truth, [0, 1, 2], [true, false, false]);
    const affine = flipped.affine.map((value, index) => (index === 3 ? affineAt(STRAIGHT, 0, 3) : value));
    const refused = expect(scored({ ...flipped, affine }, truth)).rejects;
    await refused.toMatchObject({ fix: expect.stringMatching(/slicer\[::-1\].*mirror it back the same way/) });
  });

  test('what is mirrored or elsewhere by its affine stays so', async () => {
    const truth = box(STRAIGHT, [1, 1, 1], [6, 4, 4]);
    const flipped = storedAs(truth, [0, 1, 2], [true, false, false]);
    expect((await scored(flipped, truth)).mean.dice).toBe(1);
    expect((await scored({ ...flipped, affine: STRAIGHT }, truth)).mean.dice).toBeLessThan(0.9);
    const affine = flipped.affine.map((value, index) => (index === 7 ? value + 3 : value));
    await expect(scored({ ...flipped, affine }, truth)).rejects.toThrow(
      /lies elsewhere than .*corner 3\.000 mm apart, with the axes in one order and direction/,
    );
  });
});
