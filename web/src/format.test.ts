import { expect, test } from 'vitest';
import { bytes, duration, shown, timeLeft } from './format.ts';

test('values of a plan read as words, not as JSON', () => {
  expect(shown([32, 48, 32])).toBe('32 × 48 × 32');
  expect(
    shown([
      { value: 0, name: 'background' },
      { value: 1, name: 'head' },
    ]),
  ).toBe('value 0, name background; value 1, name head');
  expect(shown([{ name: 'flip', axes: [0, 1], p: null }])).toBe('name flip, axes 0 × 1, p none');
  expect(shown(undefined)).toBe('–');
});

test('times and sizes read in the units that tell', () => {
  expect([5, 60, 3_725, 100_800].map(duration)).toEqual(['5 s', '1 min', '1 h 2 min', '1 d 4 h']);
  expect([timeLeft([20, 40]), timeLeft([120, 240]), timeLeft([7_200, 9_000])]).toEqual([
    ...['20–40 s', '2–4 min', '2.0–2.5 h'],
  ]);
  expect([bytes(0), bytes(1_500), bytes(71_000_000)]).toEqual(['0 B', '1.5 kB', '71 MB']);
});
