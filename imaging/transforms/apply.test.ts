import type { Augmentation } from '@voxhelm/contracts/plan';
import { expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { applyIntensityTransforms, drawSpatialTransform } from './apply.ts';
import type { IntensityPatch } from './intensity-operation.ts';
import { IDENTITY_3 } from './matrix.ts';

const SIZE = [8, 9, 10] as const;
const VOXELS = 720;

function patch(data: Float32Array, channels: number): IntensityPatch {
  return { data, channels, shape: SIZE, spacingMm: [1, 1, 1], axes: IDENTITY_3, whole: false };
}

/** Two random channels, transformed. */
function applied(augmentations: Augmentation[], step = 0): { before: Float32Array; after: Float32Array } {
  const random = seededRandom('image');
  const before = Float32Array.from({ length: 2 * VOXELS }, () => 4 * random() - 1);
  const after = before.slice();
  applyIntensityTransforms(augmentations, { seed: 1, step, item: 0 }, patch(after, 2));
  return { before, after };
}

function spread(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length) };
}

test('a probability of 0 never applies and of 1 always does', () => {
  const all = (probability: number): Augmentation[] => [
    { name: 'gaussian-smooth', probability, sigmaVoxels: [0.5, 1] },
    { name: 'gaussian-noise', probability, standardDeviation: 0.1 },
    { name: 'scale-intensity', probability, factor: 0.3 },
    { name: 'shift-intensity', probability, offset: 0.1 },
    { name: 'gamma', probability, range: [0.7, 0.9] },
  ];
  for (let step = 0; step < 20; step++) {
    for (const augmentation of all(0)) expect(applied([augmentation], step).after).toEqual(applied([], step).before);
    for (const augmentation of all(1))
      expect(applied([augmentation], step).after).not.toEqual(applied([], step).before);
  }
});

test('removing one transform leaves the draws of those before it as they were', () => {
  const shift: Augmentation = { name: 'shift-intensity', probability: 1, offset: 0.1 };
  const scale: Augmentation = { name: 'scale-intensity', probability: 1, factor: 0.3 };
  const { before, after } = applied([shift]);
  const offset = (after[0] as number) - (before[0] as number);
  const both = applied([shift, scale]).after;
  const factor = (both[0] as number) / (after[0] as number);
  for (let i = 0; i < 50; i++) expect(both[i]).toBeCloseTo(((before[i] as number) + offset) * factor, 4);
});

test('scale and shift stay within their ranges and reach both sides', () => {
  const factors: number[] = [];
  const offsets: number[] = [];
  for (let step = 0; step < 60; step++) {
    const scaled = applied([{ name: 'scale-intensity', probability: 1, factor: 0.3 }], step);
    const shifted = applied([{ name: 'shift-intensity', probability: 1, offset: 0.1 }], step);
    factors.push((scaled.after[5] as number) / (scaled.before[5] as number));
    offsets.push((shifted.after[5] as number) - (shifted.before[5] as number));
  }
  expect(Math.min(...factors)).toBeGreaterThan(0.699);
  expect(Math.min(...factors)).toBeLessThan(0.8);
  expect(Math.max(...factors)).toBeLessThan(1.301);
  expect(Math.max(...factors)).toBeGreaterThan(1.2);
  expect(Math.min(...offsets)).toBeGreaterThan(-0.1001);
  expect(Math.max(...offsets)).toBeGreaterThan(0.05);
  expect(Math.min(...offsets)).toBeLessThan(-0.05);
});

test('smoothing keeps the mean and lowers the spread; a constant patch stays constant to its border', () => {
  const smooth: Augmentation = { name: 'gaussian-smooth', probability: 1, sigmaVoxels: [0.5, 1] };
  const { before, after } = applied([smooth]);
  expect(Math.abs(spread(after).mean - spread(before).mean)).toBeLessThan(0.05);
  expect(spread(after).deviation).toBeLessThan(0.8 * spread(before).deviation);
  const constant = new Float32Array(2 * VOXELS).fill(3);
  applyIntensityTransforms([smooth], { seed: 1, step: 0, item: 0 }, patch(constant, 2));
  expect(constant.every((value) => Math.abs(value - 3) < 1e-5)).toBe(true);
});

test('smoothing a single voxel gives a Gaussian of the drawn width', () => {
  const point = new Float32Array(VOXELS);
  point[(4 * 9 + 4) * 10 + 5] = 1;
  applyIntensityTransforms(
    [{ name: 'gaussian-smooth', probability: 1, sigmaVoxels: [0.8, 0.8] }],
    { seed: 1, step: 0, item: 0 },
    patch(point, 1),
  );
  const at = (x: number, y: number, z: number): number => point[(x * 9 + y) * 10 + z] as number;
  const ratio = Math.exp(-1 / (2 * 0.64));
  for (const [x, y, z] of [
    [5, 4, 5],
    [4, 3, 5],
    [4, 4, 6],
  ] as const) {
    expect(at(x, y, z) / at(4, 4, 5)).toBeCloseTo(ratio, 4);
  }
  expect(point.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 2);
});

test('noise has mean 0 and at most the given deviation', () => {
  const deviations: number[] = [];
  for (let step = 0; step < 40; step++) {
    const { before, after } = applied([{ name: 'gaussian-noise', probability: 1, standardDeviation: 0.1 }], step);
    const noise = after.map((value, i) => value - (before[i] as number));
    expect(Math.abs(spread(noise).mean)).toBeLessThan(0.012);
    deviations.push(spread(noise).deviation);
  }
  expect(Math.max(...deviations)).toBeLessThan(0.11);
  expect(Math.max(...deviations)).toBeGreaterThan(0.07);
  expect(Math.min(...deviations)).toBeLessThan(0.03);
});

test('gamma keeps the order, minimum and maximum of each channel', () => {
  const { before, after } = applied([{ name: 'gamma', probability: 1, range: [1.5, 1.5] }]);
  for (const first of [0, VOXELS]) {
    const channel = before.subarray(first, first + VOXELS);
    const low = channel.reduce((a, b) => Math.min(a, b));
    const range = channel.reduce((a, b) => Math.max(a, b)) - low;
    for (let i = 0; i < VOXELS; i++) {
      expect(after[first + i]).toBeCloseTo(low + range * (((channel[i] as number) - low) / range) ** 1.5, 4);
    }
  }
  const constant = new Float32Array(VOXELS).fill(2);
  applyIntensityTransforms(
    [{ name: 'gamma', probability: 1, range: [2, 2] }],
    { seed: 0, step: 0, item: 0 },
    patch(constant, 1),
  );
  expect(constant.every((value) => value === 2)).toBe(true);
});

test('a planned rotation keeps lengths and angles in mm where voxels are no cubes', () => {
  const spacingMm = [0.8, 0.8, 5] as const;
  const turn: Augmentation = { name: 'affine', probability: 1, rotationRadians: [0.5, 0.5, 0.5], scale: [0, 0, 0] };
  for (let step = 0; step < 10; step++) {
    const { linear } = drawSpatialTransform([turn], { seed: 1, step, item: 0 }, { shape: SIZE, spacingMm });
    // Column c: where a step of 1 mm along axis c is sampled, in mm.
    const column = (c: number): number[] =>
      [0, 1, 2].map((row) => ((linear[3 * row + c] as number) * (spacingMm[row] as number)) / (spacingMm[c] as number));
    for (const [a, b] of [
      [0, 0],
      [1, 1],
      [2, 2],
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const) {
      const dot = column(a).reduce((sum, value, i) => sum + value * (column(b)[i] as number), 0);
      expect(dot).toBeCloseTo(a === b ? 1 : 0, 6);
    }
    expect(linear[1], 'it turns').not.toBe(0);
  }
});
