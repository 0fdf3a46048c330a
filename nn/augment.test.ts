import type { DeviceAugmentation } from '@voxhelm/contracts/plan';
import { expect, test } from 'vitest';
import { augment } from './augment.ts';
import { type Tensor, type Tensor5D, tf } from './engine.ts';

const SHAPE: [number, number, number, number, number] = [3, 6, 7, 8, 2];

function applied(
  augmentations: DeviceAugmentation[],
  image: Tensor5D,
  seed = 1,
): { image: Float32Array; classes: Int32Array } {
  const classes = tf.cast(
    tf.greater(tf.squeeze(tf.slice(image, [0, 0, 0, 0, 0], [...SHAPE.slice(0, 4), 1] as never), [4]), 0),
    'int32',
  );
  const result = tf.tidy(() => {
    const patches = augment(augmentations, { image, classes }, tf.tensor1d([seed, 7], 'int32'));
    return [patches.image, patches.classes] as Tensor[];
  });
  return { image: result[0]?.dataSync() as Float32Array, classes: result[1]?.dataSync() as Int32Array };
}

const random = (): Tensor5D => tf.randomNormal(SHAPE, 0, 1, 'float32', 5) as Tensor5D;
const PER_SAMPLE = 6 * 7 * 8 * 2;

test('a probability of 0 leaves everything as it is, bit for bit', () => {
  const image = random();
  const none: DeviceAugmentation[] = [
    { name: 'flip', probability: 0, axes: [0, 1, 2] },
    { name: 'scale-intensity', probability: 0, factor: 0.3 },
    { name: 'shift-intensity', probability: 0, offset: 0.1 },
    { name: 'gaussian-noise', probability: 0, standardDeviation: 0.1 },
    { name: 'gaussian-smooth', probability: 0, sigmaVoxels: [0.5, 1] },
    { name: 'gamma', probability: 0, range: [0.7, 1.5] },
  ];
  expect(applied(none, image).image).toEqual(image.dataSync());
});

test('flips mirror image and classes together', () => {
  const image = random();
  const { image: flipped, classes } = applied([{ name: 'flip', probability: 1, axes: [0, 2] }], image);
  expect(flipped).toEqual(tf.reverse(image, [1, 3]).dataSync());
  flipped.forEach((value, i) => i % 2 === 0 && expect(classes[i / 2]).toBe(value > 0 ? 1 : 0));
  // By half a chance some samples are turned, some are not; the same seed turns the same.
  const half: DeviceAugmentation[] = [{ name: 'flip', probability: 0.5, axes: [1] }];
  const drawn = Array.from({ length: 12 }, (_, seed) => applied(half, image, seed).image.slice(0, PER_SAMPLE));
  expect(new Set(drawn.map((values) => values.join())).size).toBe(2);
  expect(applied(half, image, 3)).toEqual(applied(half, image, 3));
});

test('scale and shift stay in their ranges and differ by sample', () => {
  const image = tf.ones(SHAPE) as Tensor5D;
  const scaled = applied([{ name: 'scale-intensity', probability: 1, factor: 0.3 }], image).image;
  const shifted = applied([{ name: 'shift-intensity', probability: 1, offset: 0.1 }], image).image;
  for (const [values, range] of [
    [scaled, 0.3],
    [shifted, 0.1],
  ] as const) {
    const samples = [0, 1, 2].map((i) => new Set(values.subarray(i * PER_SAMPLE, (i + 1) * PER_SAMPLE)));
    expect(samples.every((one) => one.size === 1)).toBe(true);
    expect(new Set(samples.map((one) => [...one][0])).size).toBe(3);
    expect(values.every((value) => Math.abs(value - 1) <= range + 1e-6)).toBe(true);
  }
});

test('smoothing keeps constants to the border and spreads a voxel as its Gaussian', () => {
  const smooth: DeviceAugmentation[] = [{ name: 'gaussian-smooth', probability: 1, sigmaVoxels: [0.8, 0.8] }];
  const constant = applied(smooth, tf.fill(SHAPE, 3) as Tensor5D).image;
  expect(constant.every((value) => Math.abs(value - 3) < 1e-5)).toBe(true);
  const at = (x: number, y: number, z: number): number => ((x * 7 + y) * 8 + z) * 2;
  const point = new Float32Array(3 * PER_SAMPLE);
  point[at(3, 3, 4)] = 1;
  const spread = applied(smooth, tf.tensor(point, SHAPE) as Tensor5D).image;
  const ratio = Math.exp(-1 / (2 * 0.64));
  for (const place of [at(4, 3, 4), at(3, 2, 4), at(3, 3, 5)]) {
    expect((spread[place] as number) / (spread[at(3, 3, 4)] as number)).toBeCloseTo(ratio, 5);
  }
  // The other channel stays empty.
  expect(spread.every((value, i) => i % 2 === 0 || value === 0)).toBe(true);
});

test('noise is as strong as drawn, gamma keeps minimum and maximum', () => {
  const image = random();
  const noisy = applied([{ name: 'gaussian-noise', probability: 1, standardDeviation: 0.1 }], image).image;
  const noise = noisy.map((value, i) => value - (image.dataSync()[i] as number));
  const deviation = Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0) / noise.length);
  expect(deviation).toBeGreaterThan(0.01);
  expect(deviation).toBeLessThan(0.1);
  const changed = tf.tensor(applied([{ name: 'gamma', probability: 1, range: [2, 2] }], image).image, SHAPE);
  for (const extreme of [tf.min, tf.max]) {
    const [a, b] = [extreme(changed, [1, 2, 3]).dataSync(), extreme(image, [1, 2, 3]).dataSync()];
    a.forEach((value, i) => expect(value).toBeCloseTo(b[i] as number, 5));
  }
});
