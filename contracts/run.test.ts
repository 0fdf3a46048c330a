import { expect, test } from 'vitest';
import { Budget, budgetOf, RunRequest } from './run.ts';

test('a budget is a time of the wall clock or of all trainers together', () => {
  expect(budgetOf('20m')).toEqual({ ms: 1_200_000, of: 'wall clock' });
  expect(budgetOf('6h')).toEqual({ ms: 21_600_000, of: 'wall clock' });
  expect(budgetOf('40 gpu-hours')).toEqual({ ms: 144_000_000, of: 'trainers' });
  expect(budgetOf('1 gpu-hour').ms).toBe(budgetOf('1.0gpu-h').ms);
});

test('what is no budget, or too short for any run, is refused where it is submitted, with what to write', () => {
  const faults = (budget: string) =>
    RunRequest.safeParse({ dataset: 'd', budget }).error?.issues.map(({ message }) => message);
  expect(faults('soon')).toEqual(['a time with a unit (90s, 20m, 6h, 2d) or "40 gpu-hours"']);
  expect(faults('40 gpus')).toHaveLength(1);
  expect(faults('0h')).toEqual([expect.stringMatching(/too short for any run/)]);
  expect(faults('19s')).toEqual([expect.stringMatching(/more than 20 seconds/)]);
  expect(Budget.safeParse('90s').success).toBe(true);
});
