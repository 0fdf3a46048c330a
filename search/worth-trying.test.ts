import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eachTried, worthTrying } from './worth-trying.ts';

const fast = { name: 'fast', probe: { stepMs: 200, predictCaseMs: 300, startMs: 4_000 } };
const slow = { name: 'slow', probe: { stepMs: 1_500, predictCaseMs: 3_000, startMs: 8_000 } };
const common = { trainingCases: 24, testCases: 8, splits: 5, parallel: 1, steps: null };

test('an algorithm that has no time for a useful training is left out, with the reason', () => {
  const { tried, leftOut } = worthTrying({ ...common, leftMs: 500_000, algorithms: [slow, fast] });
  expect(tried).toEqual([fast]);
  expect(leftOut).toEqual([{ name: 'slow', reason: expect.stringMatching(/150 steps take about 2\d\d s.*share/) }]);
});

test('with time enough, or without a budget, all are tried in the order asked for', () => {
  for (const leftMs of [3_600_000, null]) {
    expect(worthTrying({ ...common, leftMs, algorithms: [slow, fast] })).toEqual({ tried: [slow, fast], leftOut: [] });
  }
});

test('where not one training of each fits, the slowest is dropped, until nothing fits the fastest alone', () => {
  const room = (most: number, anyTrials: boolean) => ({
    ...{ validationCasesOfAFold: 5, steps: null, anyTrials },
    allocate: (some: readonly object[]) => (some.length > most ? null : { searchTrials: 1 }),
  });
  const one = { tried: [fast], allocation: { searchTrials: 1 } };
  expect(eachTried([slow, fast], room(1, true))).toMatchObject(one);
  expect(eachTried([slow, fast], room(2, false))).toMatchObject(one);
  expect(eachTried([slow, fast], room(2, true))).toMatchObject({ tried: [slow, fast] });
  expect(eachTried([slow, fast], room(0, false))).toMatchObject({ tried: [fast], allocation: null });
  // One that has trials to be taken over goes last.
  const known = { ...slow, name: 'known', hasTrials: true };
  expect(eachTried([known, slow, fast], room(2, false)).tried).toEqual([known, fast]);
  expect(eachTried([known, fast], room(1, false)).tried).toEqual([fast]);
});

test('an algorithm whose finished trials are taken over needs no time to be tried', () => {
  const known = { ...slow, hasTrials: true };
  expect(worthTrying({ ...common, leftMs: 500_000, algorithms: [known, fast] })).toEqual({
    tried: [known, fast],
    leftOut: [],
  });
});

test('where the user fixed the steps, they are what one training needs', () => {
  const short = worthTrying({ ...common, leftMs: 500_000, algorithms: [slow, fast], steps: 60 });
  expect(short).toEqual({ tried: [slow, fast], leftOut: [] });
  const { leftOut } = worthTrying({ ...common, leftMs: 500_000, algorithms: [slow, fast], steps: 400 });
  expect(leftOut[0]?.reason).toMatch(/^400 steps take about 6\d\d s on this device, its share of the budget is/);
});

test('one always stays, none is lost, and more time never tries fewer', () => {
  const probes = fc.record({
    stepMs: fc.integer({ min: 20, max: 5_000 }),
    predictCaseMs: fc.integer({ min: 10, max: 9_000 }),
    startMs: fc.integer({ min: 0, max: 30_000 }),
  });
  fc.assert(
    fc.property(
      fc.array(probes, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 10 ** 7 }),
      (all, leftMs) => {
        const algorithms = all.map((probe, i) => ({ name: `a${i}`, probe }));
        const { tried, leftOut } = worthTrying({ ...common, leftMs, algorithms });
        expect(tried.length).toBeGreaterThanOrEqual(1);
        expect(tried.length + leftOut.length).toBe(all.length);
        const later = worthTrying({ ...common, leftMs: leftMs * 2, algorithms });
        expect(later.tried.length).toBeGreaterThanOrEqual(tried.length);
      },
    ),
  );
});
