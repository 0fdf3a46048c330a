import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  fromRasData,
  rasShapeOf,
  resampledShape,
  resampleLinear,
  resampleLinearTo,
  resampleNearest,
  toOrientation,
  toRas,
} from './geometry.ts';
import { nearestPositions } from './nearest-positions.ts';
import { orientationFromCode, orientationOf } from './orientation.ts';
import {
  type Affine,
  affineAt,
  IDENTITY_AFFINE,
  type LabelMap,
  spacingOf,
  type Vec3,
  type Volume,
  voxelCount,
} from './volume.ts';

const ORDERS = [
  [0, 1, 2],
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 0, 1],
  [2, 1, 0],
] as const;

/** An affine whose columns run along permuted world axes, some backwards, tilted a little. */
const anyAffine = fc
  .record({
    order: fc.nat(5),
    signs: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    tilt: fc.double({ min: -0.3, max: 0.3, noNaN: true }),
  })
  .map(({ order, signs, tilt }): Affine => {
    const axes = ORDERS[order] ?? [0, 1, 2];
    const rows = [0, 1, 2].map((row) =>
      axes.map((axis, column) => (axis === row ? 1 : 0) * (signs[column] ? -1 : 1) * (1 + column * 0.5)),
    );
    const [a, b] = [rows[0] as number[], rows[1] as number[]];
    const [cos, sin] = [Math.cos(tilt), Math.sin(tilt)];
    rows[0] = a.map((value, column) => cos * value - sin * (b[column] ?? 0));
    rows[1] = b.map((value, column) => sin * (a[column] ?? 0) + cos * value);
    return [...rows.flatMap((row, index) => [...row, index * 11 - 7]), 0, 0, 0, 1];
  });

const counting = (shape: Vec3, affine: Affine, channels = 1): Volume => ({
  shape,
  channels,
  affine,
  data: Float32Array.from({ length: channels * voxelCount(shape) }, (_, index) => index),
});

/** World position of voxel [x, y, z]. */
function world(affine: Affine, x: number, y: number, z: number): number[] {
  return [0, 1, 2].map(
    (row) =>
      affineAt(affine, row, 0) * x +
      affineAt(affine, row, 1) * y +
      affineAt(affine, row, 2) * z +
      affineAt(affine, row, 3),
  );
}

/** Value -> world position of every voxel of the first channel. */
function places({ data, shape, affine }: Volume): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (let x = 0, index = 0; x < shape[0]; x += 1)
    for (let y = 0; y < shape[1]; y += 1)
      for (let z = 0; z < shape[2]; z += 1, index += 1) found.set(data[index] ?? 0, world(affine, x, y, z));
  return found;
}

describe('orientation', () => {
  test('turning to RAS moves no voxel in the world, and back restores the original exactly', () => {
    fc.assert(
      fc.property(anyAffine, (affine) => {
        const original = counting([2, 3, 4], affine, 2);
        const turned = toRas(original);
        expect(orientationOf(turned.affine)).toEqual({ axes: [0, 1, 2], signs: [1, 1, 1] });
        expect(turned.shape).toEqual(rasShapeOf(original.shape, affine));
        const before = places(original);
        for (const [value, position] of places(turned)) {
          const expected = before.get(value) ?? [];
          for (const [axis, coordinate] of position.entries())
            expect(coordinate).toBeCloseTo(expected[axis] ?? Number.NaN, 9);
        }
        expect(fromRasData(turned.data, 2, turned.shape, affine)).toEqual(original.data);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  test('axis codes: LPS of an RAS image flips the first two axes', () => {
    const image = counting([2, 2, 1], IDENTITY_AFFINE);
    const turned = toOrientation(image, orientationFromCode('LPS'));
    expect([...turned.data]).toEqual([3, 2, 1, 0]);
    expect(turned.affine).toEqual([-1, 0, 0, 1, 0, -1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1]);
    for (const code of ['RAR', 'RA', 'XYZ', 'LRA']) expect(() => orientationFromCode(code)).toThrow(/no orientation/);
  });

  test('the closest world axis wins, and each is taken once', () => {
    const affine = [0.1, 0.9, 0, 0, -0.99, 0.2, 0.1, 0, 0.1, -0.1, 2, 0, 0, 0, 0, 1];
    expect(orientationOf(affine)).toEqual({ axes: [1, 0, 2], signs: [-1, 1, 1] });
    expect(() => orientationOf([1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])).toThrow(/singular/);
  });
});

describe('resampling', () => {
  // The example of ../shared/reference/automl.md 4.3.
  const line = (n: number): Volume => counting([n, 1, 1], IDENTITY_AFFINE);

  test('the first voxels coincide, and positions past the last clamp to it', () => {
    expect([...resampleLinear(line(10), [1.5, 1, 1]).data]).toEqual([0, 1.5, 3, 4.5, 6, 7.5, 9]);
    expect([...resampleLinear(line(10), [2, 1, 1]).data]).toEqual([0, 2, 4, 6, 8, 9]);
  });

  test('sizes round exact halves to the even number', () => {
    expect(resampledShape([10, 2, 4], [1, 1, 1], [2, 2, 2])).toEqual([6, 2, 2]);
    expect(resampledShape([1, 1, 1], [1, 1, 1], [9, 9, 9])).toEqual([1, 1, 1]);
  });

  test('the affine keeps origin and axes and takes the new voxel size', () => {
    fc.assert(
      fc.property(anyAffine, (affine) => {
        const moved = resampleLinear(counting([3, 4, 5], affine), [0.7, 1.3, 2]);
        for (const [axis, size] of spacingOf(moved.affine).entries())
          expect(size).toBeCloseTo([0.7, 1.3, 2][axis] ?? 0, 10);
        expect(orientationOf(moved.affine)).toEqual(orientationOf(affine));
        expect(world(moved.affine, 0, 0, 0)).toEqual(world(affine, 0, 0, 0));
      }),
      { seed: 2, numRuns: 50 },
    );
  });

  test('a linear ramp stays one, in every axis and channel', () => {
    const shape: Vec3 = [5, 6, 7];
    const ramp = (x: number, y: number, z: number): number => 2 * x - 3 * y + 0.5 * z;
    const data = new Float32Array(2 * voxelCount(shape));
    for (let x = 0, index = 0; x < 5; x += 1)
      for (let y = 0; y < 6; y += 1)
        for (let z = 0; z < 7; z += 1, index += 1) {
          data[index] = ramp(x, y, z);
          data[index + voxelCount(shape)] = 10 * ramp(x, y, z);
        }
    const result = resampleLinearTo(data, 2, shape, [9, 4, 3], [0.5, 1.25, 3]);
    for (let x = 0, index = 0; x < 9; x += 1)
      for (let y = 0; y < 4; y += 1)
        for (let z = 0; z < 3; z += 1, index += 1) {
          expect(result[index]).toBeCloseTo(ramp(x * 0.5, y * 1.25, z * 3), 4);
          expect(result[index + 108]).toBeCloseTo(10 * ramp(x * 0.5, y * 1.25, z * 3), 3);
        }
  });

  test('labels keep their values and their array type; the same voxel size changes nothing', () => {
    const label: LabelMap = {
      shape: [4, 3, 2],
      data: Uint16Array.from({ length: 24 }, (_, index) => index * 100),
      affine: IDENTITY_AFFINE,
    };
    expect(resampleNearest(label, [1, 1, 1])).toEqual(label);
    const moved = resampleNearest(label, [0.4, 0.9, 3]);
    expect(moved.data).toBeInstanceOf(Uint16Array);
    expect([...moved.data].every((value) => label.data.includes(value))).toBe(true);
  });

  test('the nearest voxel is never further than half a voxel away', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.double({ min: 0.2, max: 5, noNaN: true }), (size, step) => {
        const count = resampledShape([size, 1, 1], [1, 1, 1], [step, 1, 1])[0];
        for (const [index, position] of nearestPositions(size, count, step).entries()) {
          expect(Math.abs(position - Math.min(size - 1, index * step))).toBeLessThan(0.5 + 1e-9);
        }
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});
