import { expect, test } from 'vitest';
import { betterOf, type Candidate } from './choose-challenger.ts';

const candidate = (runId: string, dice: number, byCase: Record<string, number>): Candidate => ({
  runId,
  dice,
  byCase: new Map(Object.entries(byCase)),
});

test('runs that were validated on the same cases compare by their ensembles', () => {
  const a = candidate('a', 0.8, { x: 0.7, y: 0.7 });
  const b = candidate('b', 0.81, { x: 0.6, y: 0.6 });
  expect(betterOf(a, b).runId).toBe('b');
  expect(betterOf(a, { ...b, dice: 0.8 }).runId).toBe('a');
});

test('a run of which a hard fold failed does not win by the easy one', () => {
  const whole = candidate('whole', 0.7, { easy: 0.9, hard: 0.5 });
  const half = candidate('half', 0.88, { easy: 0.88 });
  expect(betterOf(whole, half).runId).toBe('whole');
  expect(betterOf(half, whole).runId).toBe('whole');
});
