import { expect, test } from 'vitest';
import {
  architectureSearchMs,
  fittedSearchSteps,
  SMALLEST_SEARCH_STEPS,
  withSearchSteps,
} from './architecture-search-time.ts';

const cost = { openMs: 5_000, warmupStepMs: 150, stepMs: 350 };
const planned = { steps: 80, warmupSteps: 30 };

test('a search takes at most a fifth of its algorithm’s part of the time, and keeps its share of warm-up', () => {
  const leftMs = 400_000;
  const fitted = withSearchSteps(planned, fittedSearchSteps(cost, planned, leftMs, 4));
  expect(architectureSearchMs(cost, planned)).toBe(5_000 + 30 * 150 + 50 * 350);
  expect(fitted.steps).toBeLessThan(planned.steps);
  expect(fitted.warmupSteps / fitted.steps).toBeCloseTo(30 / 80, 1);
  expect(architectureSearchMs(cost, fitted)).toBeLessThan((leftMs / 4) * 0.21);
});

test('with time enough it is as long as planned, and never shorter than what finds anything', () => {
  expect(fittedSearchSteps(cost, planned, null, 4)).toBe(80);
  expect(fittedSearchSteps(cost, planned, 3_600_000, 4)).toBe(80);
  expect(fittedSearchSteps(cost, planned, 10_000, 4)).toBe(SMALLEST_SEARCH_STEPS);
});
