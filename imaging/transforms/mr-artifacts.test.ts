import { expect, test } from 'vitest';
import { normalDraws, seededRandom } from '../random.ts';
import type { Vec3 } from '../volume.ts';
import { realValuesOf, spectrumOf } from './fourier.ts';
import { IDENTITY_3 } from './matrix.ts';
import { biasField, ghosting, polynomialTerms, spike, spikesAt } from './mr-artifacts.ts';
import { motion, type ScannedGrid } from './mr-motion.ts';

const SHAPE: Vec3 = [6, 7, 10];
const VOXELS = 420;
const GRID: ScannedGrid = { shape: SHAPE, spacingMm: [1, 1, 1], axes: IDENTITY_3, whole: true };

function channel(seed = 1): Float32Array {
  const normal = normalDraws(seededRandom(seed));
  return Float32Array.from({ length: VOXELS }, () => 3 + normal());
}

function difference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test('a spectrum is the sum of waves that defines it, and leads back, for lengths of any factors', () => {
  const values = channel();
  const { real, imaginary } = spectrumOf(values, SHAPE, [0, 1, 2]);
  for (const [kx, ky, kz] of [
    [0, 0, 0],
    [1, 2, 3],
    [5, 6, 9],
    [3, 0, 5],
  ] as const) {
    const sum = [0, 0];
    for (let x = 0, i = 0; x < 6; x++) {
      for (let y = 0; y < 7; y++) {
        for (let z = 0; z < 10; z++, i++) {
          const angle = -2 * Math.PI * ((kx * x) / 6 + (ky * y) / 7 + (kz * z) / 10);
          sum[0] = (sum[0] as number) + (values[i] as number) * Math.cos(angle);
          sum[1] = (sum[1] as number) + (values[i] as number) * Math.sin(angle);
        }
      }
    }
    const at = (kx * 7 + ky) * 10 + kz;
    expect(real[at]).toBeCloseTo(sum[0] as number, 8);
    expect(imaginary[at]).toBeCloseTo(sum[1] as number, 8);
  }
  const back = new Float32Array(VOXELS);
  realValuesOf({ real, imaginary }, SHAPE, [0, 1, 2], back);
  expect(difference(back, values)).toBeLessThan(1e-5);
});

test('a head that does not move leaves the image as it is; one that does smears it and keeps its brightness', () => {
  const still = channel();
  motion(still, GRID, [{ time: 0.4, rotate: [0, 0, 0], translateMm: [0, 0, 0] }]);
  expect(difference(still, channel())).toBeLessThan(1e-5);
  const moved = channel();
  motion(moved, { ...GRID, spacingMm: [1, 1, 2] }, [{ time: 0.7, rotate: [0.1, 0, 0], translateMm: [0, 2, 0] }]);
  expect(difference(moved, channel())).toBeGreaterThan(0.05);
  expect(mean(moved)).toBeCloseTo(mean(channel()), 4);
});

test('whatever moves early or late, the middle of k-space is of the unmoved head', () => {
  for (const times of [
    [0.2, 0.45],
    [0.3, 0.6],
    [0.52, 0.9],
  ]) {
    const moved = channel();
    const movements = times.map((time) => ({ time, rotate: [0.3, 0, 0] as const, translateMm: [3, 0, 0] as const }));
    motion(moved, GRID, movements);
    // Frequency 0 along z: the sum of each line.
    const sums = (values: Float32Array): number[] =>
      [0, 11, 30].map((row) => mean(values.subarray(10 * row, 10 * row + 10)));
    sums(moved).forEach((sum, i) => expect(sum).toBeCloseTo(sums(channel())[i] as number, 4));
  }
});

test('beyond a whole image lies its darkest value, beyond a patch more of the same', () => {
  const wall = (whole: boolean): number => {
    const values = new Float32Array(VOXELS).fill(3);
    values[0] = 0;
    motion(values, { ...GRID, whole }, [{ time: 0.6, rotate: [0, 0, 0], translateMm: [0, 0, 4] }]);
    return Math.abs((values[VOXELS - 1] as number) - 3);
  };
  expect(wall(false)).toBeLessThan(1e-5);
  expect(wall(true)).toBeGreaterThan(0.5);
});

test('ghosts of no intensity change nothing; real ones keep the mean and repeat the image', () => {
  const none = channel();
  ghosting(none, SHAPE, { axis: 1, ghosts: 3, intensity: 0, restore: 0.1 });
  expect(difference(none, channel())).toBeLessThan(1e-5);
  // One bright line: two ghosts along z are copies of it half the axis apart.
  const line = new Float32Array(VOXELS);
  line[3] = 10;
  ghosting(line, SHAPE, { axis: 2, ghosts: 2, intensity: 0.8, restore: 0 });
  expect(Math.abs(line[8] as number)).toBeGreaterThan(1);
  expect(Math.abs(line[5] as number)).toBeLessThan(1);
  const kept = channel();
  ghosting(kept, SHAPE, { axis: 2, ghosts: 2, intensity: 0.8, restore: 0.3 });
  expect(mean(kept)).toBeCloseTo(mean(channel()), 5);
  // A share of less than two planes is none, but the middle plane (5, itself a multiple of 5) is the image's brightness.
  for (const restore of [null, 0, 0.05]) {
    const bright = channel();
    ghosting(bright, SHAPE, { axis: 2, ghosts: 5, intensity: 1, restore });
    expect(mean(bright)).toBeCloseTo(mean(channel()), 5);
    expect(difference(bright, channel())).toBeGreaterThan(0.1);
  }
});

test('a spike is one wave of the height asked for, and can be taken away again', () => {
  const values = channel();
  const places = [
    [0.2, 0.9, 0.7],
    [0.1, 0.3, 0.4],
  ] as const;
  const [first, second] = spikesAt(values, SHAPE, places, 2);
  if (first === undefined || second === undefined) throw new Error('two places are two spikes');
  const { real } = spectrumOf(values, SHAPE, [0, 1, 2]);
  // The mean is this image's largest frequency, then the first spike.
  expect(first.height).toBeCloseTo((2 * (real[0] as number)) / VOXELS, 6);
  expect(second.height).toBeCloseTo((4 * (real[0] as number)) / VOXELS, 0);
  spike(values, SHAPE, first, 1);
  expect(difference(values, channel())).toBeCloseTo(first.height, 1);
  spike(values, SHAPE, first, -1);
  expect(difference(values, channel())).toBeLessThan(1e-5);
});

test('a bias field is smooth, positive and divides out', () => {
  expect(polynomialTerms(3)).toBe(20);
  const coefficients = Array.from({ length: 20 }, (_, i) => 0.1 * Math.sin(i));
  const values = channel();
  biasField(values, SHAPE, coefficients, 3, false);
  const before = channel();
  const field = values.map((value, i) => value / (before[i] as number));
  expect(field.every((one) => one > 0)).toBe(true);
  expect(
    Math.max(...field.subarray(1).map((one, i) => ((i + 1) % 10 === 0 ? 0 : Math.abs(one - (field[i] as number))))),
  ).toBeLessThan(1);
  biasField(values, SHAPE, coefficients, 3, true);
  expect(difference(values, channel())).toBeLessThan(1e-5);
});
