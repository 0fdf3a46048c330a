import fc from 'fast-check';
import { expect, test } from 'vitest';
import { worthTrying } from './worth-trying.ts';

const fast = { name: 'fast', probe: { stepMs: 200, predictCaseMs: 300, startMs: 4_000 } };
const slow = { name: 'slow', probe: { stepMs: 1_500, predictCaseMs: 3_000, startMs: 8_000 } };
const common = { trainingCases: 24, testCases: 8, splits: 5, parallel: 1 };

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
