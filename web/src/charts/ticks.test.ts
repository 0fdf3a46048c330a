import { expect, test } from 'vitest';
import { ticksOf } from './ticks.ts';

test('axes are marked at round numbers that read as such', () => {
  const texts = (low: number, high: number, whole = false) => ticksOf(low, high, 5, whole).map(({ text }) => text);
  expect(texts(0.818, 0.851)).toEqual(['0.82', '0.83', '0.84', '0.85']);
  expect(texts(0.9, 3.1, true)).toEqual(['1', '2', '3']);
  expect(texts(4_494_380, 5_493_131)).toEqual(['4.6 M', '4.8 M', '5 M', '5.2 M', '5.4 M']);
});

test.each([
  [-3, 1e-3],
  [0, 1],
  [1e6, 1],
  [-1e7, 3e7],
  [0.123, 4.5e-3],
])('from %f over %f, marks lie within the axis and no two read alike', (low, length) => {
  const ticks = ticksOf(low, low + length);
  expect(ticks.length).toBeGreaterThan(1);
  expect(ticks.every(({ at }) => at >= low - 1e-9 && at <= low + length * (1 + 1e-9))).toBe(true);
  expect(new Set(ticks.map(({ text }) => text)).size).toBe(ticks.length);
});
