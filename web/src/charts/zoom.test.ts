import { expect, test } from 'vitest';
import { moved, readSpan, spanText, zoomed } from './zoom.ts';

test('a chart is looked at closer, moved along and shown whole again without a mouse', () => {
  const whole = [0, 1_000] as const;
  expect(zoomed(whole, whole, true)).toEqual([250, 750]);
  expect(moved([250, 750], whole, true)).toEqual([500, 1_000]);
  expect(moved([500, 1_000], whole, true)).toEqual([500, 1_000]);
  expect(moved([250, 750], whole, false)).toEqual([0, 500]);
  expect(zoomed([250, 750], whole, false)).toBeNull();
  expect(zoomed([500, 1_000], [0, 2_000], false)).toEqual([250, 1_250]);
});

test('an address keeps what a chart shows, and one that names nothing sensible shows all', () => {
  expect(readSpan(spanText([250.4, 749.2]))).toEqual([250, 750]);
  expect(readSpan(spanText([3.2, 3.4]))).toEqual([3, 4]);
  expect(spanText(null)).toBe('');
  for (const text of ['', '7', '9-3', '5-5', 'a-b', '-1-4']) expect(readSpan(text)).toBeNull();
});
