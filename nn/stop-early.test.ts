import { expect, test } from 'vitest';
import { type CurvePoint, flatCurve } from './stop-early.ts';

const settings = { fromShare: 0.5, validations: 10, leastGain: 0.001 };
/** A validation every 50 steps of a training of 1000. */
const curve = (dice: (step: number) => number, until: number): CurvePoint[] =>
  Array.from({ length: until / 50 }, (_, i) => [50 * (i + 1), dice(50 * (i + 1))]);

test('a flat curve ends a training, with what the rest of it promised; a rising one does not', () => {
  expect(
    flatCurve(
      settings,
      1000,
      curve(() => 0.8, 600),
    ),
  ).toMatch(/flat: the last 10 .* 0\.0000 more Dice over the 400 steps/);
  expect(
    flatCurve(
      settings,
      1000,
      curve((step) => 0.5 + step / 5000, 600),
    ),
  ).toBeNull();
  // 1e-6 of Dice a step are less than 0.001 over what is left.
  expect(
    flatCurve(
      settings,
      1000,
      curve((step) => 0.8 + step * 1e-6, 600),
    ),
  ).toMatch(/flat/);
  expect(
    flatCurve(
      settings,
      1000,
      curve((step) => 0.9 - step / 5000, 600),
    ),
  ).toMatch(/flat/);
});

test('a noisy curve is not taken for flat: the slope counts with its uncertainty', () => {
  const noisy = curve((step) => 0.8 + 0.02 * Math.sin(step), 600);
  expect(flatCurve(settings, 1000, noisy)).toBeNull();
});

test('nothing ends before its share, with too few validations, at the last step, or without the setting', () => {
  const flat = curve(() => 0.8, 1000);
  expect(flatCurve(settings, 1000, flat.slice(0, 9))).toBeNull();
  expect(flatCurve({ ...settings, fromShare: 0.9 }, 1000, flat.slice(0, 12))).toBeNull();
  expect(flatCurve({ ...settings, fromShare: 0 }, 1000, flat.slice(0, 9))).toBeNull();
  expect(flatCurve(settings, 1000, flat)).toBeNull();
  expect(flatCurve(null, 1000, flat.slice(0, 12))).toBeNull();
  expect(flatCurve(settings, 1000, [])).toBeNull();
});
