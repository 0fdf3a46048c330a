import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allocate } from './budget.ts';
import { firstProbeMs, type Measured, type NextProbeInput, nextProbe } from './next-probe.ts';
import { refuseUnmeasured, smallestLeftMs } from './smallest-budget.ts';

const fast: Measured = {
  name: 'fast',
  pace: 1,
  probe: { stepMs: 500, predictCaseMs: 1_000, startMs: 10_000, tookMs: 30_000 },
  planSteps: 12_500,
};
const slow = { name: 'slow', pace: 3 };

function input(budgetMs: number | null, changes: Partial<NextProbeInput> = {}): NextProbeInput {
  return {
    ...{ budgetMs, elapsedMs: 60_000, algorithms: [fast], next: slow, trainingCases: 8, testCases: 0, parallel: 1 },
    ...{ splits: 5, folds: null, searchTrials: null, steps: null },
    ...changes,
  };
}

test('the first algorithm is measured while the budget lasts, and long enough to tell which would do', () => {
  const first = (budgetMs: number | null, changes: Partial<NextProbeInput> = {}, wasCut = false) =>
    firstProbeMs(input(budgetMs, changes), wasCut);
  expect(first(360_000)).toBe(300_000);
  expect(first(90_000)).toBe(120_000);
  // After that it is measured again only where the budget was raised meanwhile.
  expect(first(360_000, { elapsedMs: 360_500 }, true)).toBeLessThanOrEqual(0);
  expect(first(3_600_000, { elapsedMs: 360_500 }, true)).toBe(3_239_500);
  // Fixed steps are trained whatever the budget.
  expect(first(360_000, { steps: 100 })).toBeNull();
  expect(first(null)).toBeNull();
  // Two trainers' 5 minutes each, of which measuring takes one alone.
  expect(first(360_000, { budgetOf: 'trainers', parallel: 2 })).toBe(600_000);
});

test('a budget that was over before anything was measured is refused in words that say so', () => {
  const asked = input(180_000);
  expect(() => refuseUnmeasured(asked, 'fast', null)).toThrow(
    'the budget of 3m was over before fast, expected to be the fastest of the algorithms, was measured: with the wait for a trainer, that takes longer',
  );
  expect(() => refuseUnmeasured({ ...asked, budgetOf: 'trainers', parallel: 2 }, 'fast', 'out of memory')).toThrow(
    /^the budget of 0\.0833333 gpu-hours was over before .*: it failed \(out of memory\) and was tried again$/,
  );
});

test('without a budget, or with a large one, another algorithm is measured, and not for more than a third of it', () => {
  expect(nextProbe(input(null))).toEqual({ withinMs: null });
  expect(nextProbe(input(3_660_000))).toEqual({ withinMs: expect.closeTo(1_200_000, 3) });
});

test('an algorithm that could not train after it was measured is left out, with what was expected of it', () => {
  expect(nextProbe(input(360_000))).toEqual({
    leftOut: expect.stringMatching(/usefully is expected to take about 7m, too much of the 5m that are left/),
  });
  expect(nextProbe(input(90_000))).toEqual({
    leftOut: expect.stringMatching(/take about 90s, 30s are left, and a useful training of fast needs/),
  });
  expect(nextProbe(input(50_000))).toEqual({ leftOut: 'the budget was over before it could be measured' });
  // Where nothing that was measured may train, it gets its share of what is left all the same.
  expect(nextProbe(input(90_000, { algorithms: [] }))).toEqual({ withinMs: expect.closeTo(10_000, 3) });
  expect(nextProbe(input(50_000, { algorithms: [] }))).toHaveProperty('leftOut');
  // As fast as the one that was measured, it has time.
  expect(nextProbe(input(360_000, { next: { name: 'alike', pace: 1 } }))).toHaveProperty('withinMs');
});

test('measuring another, whatever it takes, leaves time for a useful training of what was measured', () => {
  const probes = fc.record({
    stepMs: fc.integer({ min: 20, max: 3_000 }),
    predictCaseMs: fc.integer({ min: 10, max: 9_000 }),
    startMs: fc.integer({ min: 100, max: 30_000 }),
  });
  fc.assert(
    fc.property(probes, fc.integer({ min: 30_000, max: 3_600_000 }), (probe, budgetMs) => {
      const asked = input(budgetMs, { elapsedMs: 10_000, algorithms: [{ ...fast, probe }] });
      const decision = nextProbe(asked);
      if (!('withinMs' in decision)) return;
      const elapsedMs = asked.elapsedMs + (decision.withinMs as number);
      expect(smallestLeftMs(asked)).toBeLessThan(budgetMs - elapsedMs);
      expect(allocate({ ...asked, elapsedMs }).searchTrials).toBeGreaterThanOrEqual(1);
    }),
  );
});
