import { expect, test } from 'vitest';
import { interval } from './statistics.ts';

test('the interval holds the mean, shrinks with more values and leaves out what is missing', () => {
  const few = interval([0.8, 0.9, null, 0.7]);
  const many = interval(Array.from({ length: 300 }, (_, index) => 0.7 + (index % 3) / 10));
  expect(few?.count).toBe(3);
  expect(few?.mean).toBeCloseTo(0.8);
  expect(few?.low).toBeLessThan(0.8);
  expect((many?.high ?? 1) - (many?.low ?? 0)).toBeLessThan(((few?.high ?? 0) - (few?.low ?? 1)) / 2);
  // The standard error of 300 values of standard deviation 0.0816 is 0.0047; 1.96 of them to each side.
  expect((many?.high ?? 0) - (many?.low ?? 0)).toBeCloseTo(2 * 1.96 * 0.00471, 2);
  expect(interval([null])).toBeNull();
});
