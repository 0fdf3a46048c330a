import fc from 'fast-check';
import { expect, test } from 'vitest';
import { learningRateFactor, polynomial } from './schedules.ts';

test('both schedules warm up from a tenth, reach the full rate and fall to nothing', () => {
  const any = fc.record({
    steps: fc.integer({ min: 1, max: 500 }),
    part: fc.double({ min: 0, max: 0.9, noNaN: true }),
  });
  fc.assert(
    fc.property(any, fc.constantFrom('cosine' as const, 'polynomial' as const), ({ steps, part }, schedule) => {
      const warmupSteps = Math.floor(part * steps);
      const at = (step: number): number => learningRateFactor({ schedule, steps, warmupSteps }, step);
      if (warmupSteps > 0) expect(at(0)).toBeCloseTo(0.1, 9);
      expect(at(warmupSteps)).toBe(1);
      expect(at(steps)).toBeCloseTo(0, 9);
      for (let step = warmupSteps; step < steps; step++) expect(at(step + 1)).toBeLessThan(at(step));
    }),
  );
});

test('the polynomial is nnU-Net’s', () => {
  expect(0.01 * polynomial(250, 1000, 0.9)).toBeCloseTo(0.01 * 0.75 ** 0.9, 12);
  expect(learningRateFactor({ schedule: 'polynomial', steps: 1000, warmupSteps: 0 }, 999)).toBeCloseTo(
    0.001 ** 0.9,
    12,
  );
});
