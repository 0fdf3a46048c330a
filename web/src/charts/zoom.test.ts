import { expect, test } from 'vitest';
import { moved, zoomed } from './zoom.ts';

test('a chart is looked at closer, moved along and shown whole again without a mouse', () => {
  const whole = [0, 1_000] as const;
  expect(zoomed(whole, whole, true)).toEqual([250, 750]);
  expect(moved([250, 750], whole, true)).toEqual([500, 1_000]);
  expect(moved([500, 1_000], whole, true)).toEqual([500, 1_000]);
  expect(moved([250, 750], whole, false)).toEqual([0, 500]);
  expect(zoomed([250, 750], whole, false)).toBeNull();
  expect(zoomed([500, 1_000], [0, 2_000], false)).toEqual([250, 1_250]);
});
