import { describe, expect, test } from 'vitest';
import { resampleLinear } from './resample.ts';
import { resampleSpline, uninterpolatedAxis } from './spline.ts';
import { type Affine, type Vec3, type Volume, voxelCount } from './volume.ts';

function volumeOf(shape: Vec3, spacingMm: Vec3, value: (x: number, y: number, z: number) => number): Volume {
  const [sx, sy, sz] = spacingMm;
  const affine: Affine = [sx, 0, 0, 0, 0, sy, 0, 0, 0, 0, sz, 0, 0, 0, 0, 1];
  const data = Float32Array.from({ length: voxelCount(shape) }, (_, i) => {
    const row = Math.floor(i / shape[2]);
    return value(Math.floor(row / shape[1]), row % shape[1], i % shape[2]);
  });
  return { shape, channels: 1, data, affine };
}

describe('resampling by cubic splines', () => {
  test('voxels that lie on voxels keep their values', () => {
    const volume = volumeOf([7, 6, 9], [2, 2, 2], (x, y, z) => Math.sin(3 * x + 5 * y + 7 * z));
    const fine = resampleSpline(volume, [1, 1, 1]);
    expect(fine.shape).toEqual([13, 11, 17]);
    for (const [x, y, z] of [
      [0, 0, 0],
      [6, 5, 8],
      [3, 2, 4],
    ] as const) {
      const found = fine.data[(2 * x * 11 + 2 * y) * 17 + 2 * z] as number;
      expect(found).toBeCloseTo(Math.sin(3 * x + 5 * y + 7 * z), 4);
    }
  });

  test('a smooth image is met much closer than by linear interpolation, a cubic exactly away from the borders', () => {
    const wave = (x: number) => Math.cos((Math.PI * x) / 16);
    const volume = volumeOf([33, 1, 1], [1, 1, 1], (x) => wave(x));
    const errorOf = (resampled: Volume) =>
      Math.max(...[...resampled.data].map((value, i) => Math.abs(value - wave(i / 2))));
    expect(errorOf(resampleSpline(volume, [0.5, 1, 1]))).toBeLessThan(
      0.05 * errorOf(resampleLinear(volume, [0.5, 1, 1])),
    );
    const cubic = (x: number) => 0.01 * (x - 15) ** 3 - 0.2 * x ** 2 + x;
    const spline = resampleSpline(volumeOf([33, 1, 1], [1, 1, 1], cubic), [0.5, 1, 1]);
    for (let i = 24; i <= 40; i++) expect(spline.data[i]).toBeCloseTo(cubic(i / 2), 2);
  });

  test('slices clearly farther apart than the plane are not mixed: each new one is the nearest old one', () => {
    const volume = volumeOf([6, 6, 4], [1, 1, 5], (x, y, z) => 100 * z + Math.sin(x + y));
    const resampled = resampleSpline(volume, [1, 1, 2.5]);
    expect(resampled.shape).toEqual([6, 6, 7]);
    expect([...resampled.data.slice(0, 7)].map((value) => Math.round(value / 100))).toEqual([0, 1, 1, 2, 2, 3, 3]);
    expect(uninterpolatedAxis([1, 1, 5], [1, 1, 1])).toBe(2);
    expect(uninterpolatedAxis([1, 1, 1], [4, 1, 1])).toBe(0);
    expect(uninterpolatedAxis([1, 1, 3], [1, 1, 1])).toBeNull();
    expect(uninterpolatedAxis([5, 5, 1], [1, 1, 1])).toBeNull();
  });

  test('the image itself is never changed', () => {
    const volume = volumeOf([4, 4, 4], [1, 1, 1], (x) => x);
    const before = volume.data.slice();
    resampleSpline(volume, [0.7, 1, 1.3]);
    expect(volume.data).toEqual(before);
    expect(resampleSpline(volume, [1, 1, 1]).data).not.toBe(volume.data);
  });
});
