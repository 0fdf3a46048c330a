import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalDraws, seededPermutation, seededRandom } from './random.ts';

const take = (random: () => number, count: number) => Array.from({ length: count }, random);

describe('seededRandom', () => {
  test('gives the same draws for the same keys and others for others', () => {
    expect(take(seededRandom(7, 'patch', 3), 5)).toEqual(take(seededRandom(7, 'patch', 3), 5));
    const first = new Set([
      seededRandom(7, 'patch', 3)(),
      seededRandom(7, 'patch', 4)(),
      seededRandom(8, 'patch', 3)(),
      seededRandom(7, 'patch', 34)(),
      seededRandom(7, 'patch', '3')(),
      seededRandom(73, 'patch')(),
    ]);
    expect(first.size).toBe(6);
  });

  test('is uniform over consecutive steps, which is how it is used', () => {
    const counts = new Array<number>(10).fill(0);
    for (let step = 0; step < 20_000; step++) {
      const bin = Math.floor(seededRandom(1, 'step', step)() * 10);
      counts[bin] = (counts[bin] as number) + 1;
    }
    // Chi-square with 9 degrees of freedom: 27.9 is its 99.9th percentile.
    const chiSquare = counts.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
    expect(chiSquare).toBeLessThan(27.9);
  });

  test('is uniform within a stream, without correlation of neighbours', () => {
    const draws = take(seededRandom(0), 50_000);
    const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
    let lag = 0;
    for (let i = 1; i < draws.length; i++) lag += ((draws[i] as number) - 0.5) * ((draws[i - 1] as number) - 0.5);
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.006);
    expect(Math.abs(lag / draws.length / (1 / 12))).toBeLessThan(0.02);
  });
});

test('normalDraws have mean 0 and standard deviation 1', () => {
  const draws = take(normalDraws(seededRandom(5)), 50_000);
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
  expect(Math.abs(mean)).toBeLessThan(0.02);
  expect(Math.abs(variance - 1)).toBeLessThan(0.03);
});

test('seededPermutation holds every index once', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(), (length, seed) => {
      const order = [...seededPermutation(length, seed, 'epoch')];
      expect(order.sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, index) => index));
    }),
  );
});
