import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { squaredDistanceTransform } from './distance-transform.ts';
import { surfaceScores } from './surface.ts';

const shapes = fc.tuple(
  fc.integer({ min: 1, max: 7 }),
  fc.integer({ min: 1, max: 19 }),
  fc.integer({ min: 1, max: 6 }),
);
const spacings = fc.constantFrom<Vec3>([1, 1, 1], [0.8, 1, 2.5], [3, 0.5, 0.7]);

function masksOf(shape: Vec3, density = 5): fc.Arbitrary<Uint8Array> {
  return fc
    .array(fc.nat(density), { minLength: voxelCount(shape), maxLength: voxelCount(shape) })
    .map((draws) => Uint8Array.from(draws, (draw) => (draw === 0 ? 1 : 0)));
}

function positionsMm(mask: Uint8Array, [, sizeY, sizeZ]: Vec3, spacing: Vec3): Vec3[] {
  return [...mask].flatMap((inside, i): Vec3[] => {
    if (inside === 0) return [];
    const row = Math.floor(i / sizeZ);
    return [[Math.floor(row / sizeY) * spacing[0], (row % sizeY) * spacing[1], (i % sizeZ) * spacing[2]]];
  });
}

test('the distance transform equals brute force on small masks', () => {
  const cases = fc
    .tuple(shapes, spacings)
    .chain(([shape, spacing]) => masksOf(shape, 20).map((mask) => ({ shape, spacing, mask })));
  fc.assert(
    fc.property(cases, ({ shape, spacing, mask }) => {
      const seeds = positionsMm(mask, shape, spacing);
      const all = positionsMm(new Uint8Array(mask.length).fill(1), shape, spacing);
      const expected = all.map((at) =>
        Math.min(
          Infinity,
          ...seeds.map((seed) => seed.reduce((sum, x, axis) => sum + (x - (at[axis] as number)) ** 2, 0)),
        ),
      );
      const actual = squaredDistanceTransform(mask, shape, spacing);
      for (const [i, value] of expected.entries()) {
        if (value === Infinity) expect(actual[i]).toBe(Infinity);
        else expect(Math.abs((actual[i] as number) - value)).toBeLessThan(1e-4);
      }
    }),
    { numRuns: 60 },
  );
});

describe('surfaceScores', () => {
  /** A box of ones in 16x16x16. */
  function box(from: Vec3, to: Vec3): Uint8Array {
    const mask = new Uint8Array(4096);
    for (let x = from[0]; x < to[0]; x++)
      for (let y = from[1]; y < to[1]; y++) for (let z = from[2]; z < to[2]; z++) mask[(x * 16 + y) * 16 + z] = 1;
    return mask;
  }
  const truth = box([4, 4, 4], [10, 10, 10]);
  const prediction = box([5, 4, 3], [12, 10, 9]);

  test('gives the figures of MONAI for two boxes (automl.md 3.2)', () => {
    const isotropic = surfaceScores(prediction, truth, 1, [16, 16, 16], [1, 1, 1], 1);
    expect(isotropic.hdMm).toBeCloseTo(2.236068, 5);
    expect(isotropic.hd95Mm).toBeCloseTo(2, 5);
    expect(isotropic.assdMm).toBeCloseTo(0.785145, 5);
    expect(isotropic.surfaceDice).toBeCloseTo(0.839506, 5);
    const anisotropic = surfaceScores(prediction, truth, 1, [16, 16, 16], [0.8, 0.8, 3], 1);
    expect(anisotropic.hdMm).toBeCloseTo(3.4, 5);
    expect(anisotropic.hd95Mm).toBeCloseTo(3.104835, 5);
    expect(anisotropic.assdMm).toBeCloseTo(1.16808, 5);
    expect(anisotropic.surfaceDice).toBeCloseTo(0.617284, 5);
  });

  test('a mask that fills the image has its surface at the border', () => {
    const full = new Uint8Array(27).fill(1);
    const middle = new Uint8Array(27);
    middle[13] = 1;
    expect(surfaceScores(full, middle, 1, [3, 3, 3], [1, 1, 1], 1).hdMm).toBeCloseTo(Math.sqrt(3), 6);
  });

  test('an empty mask has no distances; surface Dice is 0 against a filled one and undefined against another empty one', () => {
    const empty = new Uint8Array(4096);
    const none = { hdMm: null, hd95Mm: null, assdMm: null };
    expect(surfaceScores(empty, truth, 1, [16, 16, 16], [1, 1, 1], 1)).toEqual({ ...none, surfaceDice: 0 });
    expect(surfaceScores(truth, empty, 1, [16, 16, 16], [1, 1, 1], 1)).toEqual({ ...none, surfaceDice: 0 });
    expect(surfaceScores(empty, empty, 1, [16, 16, 16], [1, 1, 1], 1)).toEqual({ ...none, surfaceDice: null });
  });

  test('a distance equal to the tolerance is within it, whatever the rounding', () => {
    const shifted = box([5, 4, 4], [11, 10, 10]);
    for (const spacing of [0.1, 0.7, 0.8, 1.1, 1.3]) {
      expect(surfaceScores(shifted, truth, 1, [16, 16, 16], [spacing, 9, 9], spacing).surfaceDice).toBe(1);
    }
  });

  test('is symmetric and zero for equal masks', () => {
    const pairs = fc
      .tuple(shapes, spacings)
      .chain(([shape, spacing]) =>
        fc.tuple(masksOf(shape, 1), masksOf(shape, 1)).map(([a, b]) => ({ shape, spacing, a, b })),
      );
    fc.assert(
      fc.property(pairs, ({ shape, spacing, a, b }) => {
        const forward = surfaceScores(a, b, 1, shape, spacing, 1);
        const backward = surfaceScores(b, a, 1, shape, spacing, 1);
        expect(forward.hdMm).toEqual(backward.hdMm);
        expect(forward.hd95Mm).toEqual(backward.hd95Mm);
        expect(forward.assdMm ?? 0).toBeCloseTo(backward.assdMm ?? 0, 9);
        expect(forward.surfaceDice).toEqual(backward.surfaceDice);
        const same = surfaceScores(a, a, 1, shape, spacing, 0);
        if (same.hdMm !== null) expect(same).toEqual({ hdMm: 0, hd95Mm: 0, assdMm: 0, surfaceDice: 1 });
      }),
      { numRuns: 60 },
    );
  });
});
