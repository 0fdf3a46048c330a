import { expect, test } from 'vitest';
import { type VainAttempt, whyNotAgain } from './again.ts';

const MINUTE_MS = 60_000;
const END = new Date('2026-11-25T12:00:00Z');
const failed: VainAttempt = { endedAt: END, cancelled: false, message: 'the loss became NaN' };
const after = (minutes: number): Date => new Date(END.getTime() + minutes * MINUTE_MS);
const times = (count: number): VainAttempt[] => Array.from({ length: count }, () => failed);

test('what was never tried, or was compared since, is tried at once', () => {
  expect(whyNotAgain([], END)).toBeNull();
});

test.each([
  [1, 10],
  [2, 20],
  [5, 160],
  [9, 24 * 60],
  [20, 24 * 60],
])('after %i failures in a row it waits %i minutes, and says why', (count, minutes) => {
  expect(whyNotAgain(times(count), after(minutes - 1))).toContain(after(minutes).toISOString());
  expect(whyNotAgain(times(count), after(minutes - 1))).toContain('the loss became NaN');
  expect(whyNotAgain(times(count), after(minutes))).toBeNull();
});

test('what a person cancelled is not begun again by itself', () => {
  const attempts = [{ ...failed, cancelled: true }, failed];
  expect(whyNotAgain(attempts, after(100_000))).toMatch(/was cancelled.*trigger now/);
  expect(whyNotAgain([...attempts].reverse(), after(20))).toBeNull();
});
