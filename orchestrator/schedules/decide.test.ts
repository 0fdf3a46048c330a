import { budgetOf } from '@voxhelm/contracts/run';
import type { ScheduleTrigger } from '@voxhelm/contracts/schedule';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import { describe, expect, test } from 'vitest';
import { championBefore } from './champions.ts';
import { comparisonSize, drawComparison } from './comparison-cases.ts';
import { decideFiring, shareOfBudget, startsOf, wallClockMs } from './decide.ts';
import { changesSince } from './new-cases.ts';

const KNOWN = { forced: false, hasChampion: true, notAgain: null };
const found = (newCases: number, correctedCases = 0, distance?: number) => ({
  newCases: Array.from({ length: newCases }, (_, i) => `n${i}`),
  correctedCases: Array.from({ length: correctedCases }, (_, i) => `c${i}`),
  drift: distance === undefined ? [] : [{ feature: 'intensity', trained: 1, found: 2, distance }],
});

describe('whether a firing retrains', () => {
  const interval: ScheduleTrigger = { kind: 'interval', every: '1d' };
  const cases: ScheduleTrigger = { kind: 'cases', count: 4, every: '5m' };
  const drift: ScheduleTrigger = { kind: 'drift', limit: 3, every: '5m', leastCases: 2 };

  test.each([
    [interval, found(0), false],
    [interval, found(0, 1), true],
    [cases, found(3), false],
    [cases, found(2, 2), true],
    [drift, found(9, 0, 2.9), false],
    [drift, found(9, 0, 3.1), true],
    [drift, found(1, 0, 99), false],
  ] as const)('%j with %j: %s', (trigger, findings, retrain) => {
    const decision = decideFiring(trigger, findings, KNOWN);
    expect(decision.retrain).toBe(retrain);
    expect(decision.reason).toMatch(/^[A-Z\d].*\.$/);
  });

  test('without a champion, or by hand, it always does', () => {
    expect(decideFiring(cases, found(0), { ...KNOWN, hasChampion: false }).retrain).toBe(true);
    expect(decideFiring(drift, found(0), { ...KNOWN, forced: true }).retrain).toBe(true);
  });

  test('what came to nothing is not tried again until it may be, but by hand', () => {
    const held = { ...KNOWN, notAgain: 'Not again before noon.' };
    const decision = decideFiring(cases, found(4), held);
    expect(decision).toEqual({
      retrain: false,
      reason: expect.stringMatching(/^4 new cases.*Not again before noon\.$/),
    });
    expect(decideFiring(cases, found(4), { ...held, hasChampion: false }).retrain).toBe(false);
    expect(decideFiring(cases, found(4), { ...held, forced: true }).retrain).toBe(true);
    expect(decideFiring(cases, found(1), held).reason).not.toContain('Not again');
  });

  test('a budget of trainers is held against the wall clock of as many as there are', () => {
    const hour = 3_600_000;
    expect(wallClockMs('40 gpu-hours', 8)).toBe(5 * hour);
    expect(wallClockMs('5h', 8)).toBe(5 * hour);
    const champion = { elapsedMs: 4 * hour };
    expect(startsOf('auto', champion, wallClockMs('40 gpu-hours', 8))).toEqual(['champion']);
    expect(startsOf('auto', champion, wallClockMs('40 gpu-hours', 1))).toEqual(['champion', 'nothing']);
  });

  test('both starts are tried where the budget gives each what the champion took', () => {
    const champion = { elapsedMs: 60_000 };
    expect(startsOf('auto', champion, 120_000)).toEqual(['champion', 'nothing']);
    expect(startsOf('auto', champion, 119_000)).toEqual(['champion']);
    expect(startsOf('auto', champion, null)).toEqual(['champion', 'nothing']);
    expect(startsOf('champion', null, null)).toEqual(['nothing']);
    expect(shareOfBudget('10m', 2)).toBe('300s');
    expect(shareOfBudget('10m', 1)).toBe('10m');
    expect(shareOfBudget('30s', 2)).toBe('20s');
    expect(budgetOf(shareOfBudget('40 gpu-hours', 2))).toEqual(budgetOf('20 gpu-hours'));
  });
});

describe('new and corrected cases', () => {
  test('are told by content: a renamed case is no news, a changed one is', () => {
    const before = [
      { caseId: 'a', sha256: '1' },
      { caseId: 'b', sha256: '2' },
      { caseId: 'c', sha256: '3' },
    ];
    const now = [
      { caseId: 'a', sha256: '1' },
      { caseId: 'b', sha256: '22' },
      { caseId: 'renamed', sha256: '3' },
      { caseId: 'd', sha256: '4' },
    ];
    expect(changesSince(before, now)).toEqual({ newCases: ['d'], correctedCases: ['b'], removedCases: [] });
    expect(changesSince(before, []).removedCases).toEqual(['a', 'b', 'c']);
  });
});

describe('comparison cases', () => {
  const cases = Array.from({ length: 30 }, (_, i) => ({
    caseId: `c${i}`,
    sha256: `s${i}`,
    patient: i < 4 ? 'p' : null,
  }));

  test('are the same whoever draws them, and others in another dataset', () => {
    const drawn = drawComparison(cases, 6, 'ds_1');
    const names = (some: readonly { caseId: string }[]) => new Set(some.map(({ caseId }) => caseId));
    expect(names(drawComparison([...cases].reverse(), 6, 'ds_1'))).toEqual(names(drawn));
    expect(drawn.length).toBeGreaterThanOrEqual(6);
    expect(drawComparison(cases, 6, 'ds_2')).not.toEqual(drawn);
    const ofPatient = drawn.filter(({ patient }) => patient === 'p').length;
    expect([0, 4]).toContain(ofPatient);
  });

  test('leave something to train on', () => {
    expect(comparisonSize(30, undefined)).toBe(6);
    expect(comparisonSize(100, undefined)).toBe(20);
    expect(comparisonSize(5, undefined)).toBe(3);
    expect(comparisonSize(1, 4)).toBe(0);
  });

  test('stay out by name, by files, by image and by patient', () => {
    const isHeld = sameCaseAs([{ caseId: 'a', sha256: 's', voxelSha256: 'v', patient: 'p' }]);
    const other = { caseId: 'b', sha256: 't', voxelSha256: 'w', patient: 'q' };
    expect(isHeld(other)).toBe(false);
    for (const same of [{ caseId: 'a' }, { sha256: 's' }, { voxelSha256: 'v' }, { patient: 'p' }]) {
      expect(isHeld({ ...other, ...same })).toBe(true);
    }
    expect(sameCaseAs([{ caseId: 'a', sha256: null }])({ caseId: 'b', sha256: null, patient: null })).toBe(false);
  });
});

test('a rollback takes back the last promotion that stands', () => {
  const log = (...steps: string[]) =>
    steps.map((step) => ({ kind: step.startsWith('<') ? ('rollback' as const) : ('better' as const), runId: step }));
  expect(championBefore(log('a', 'b', 'c'))).toBe('b');
  expect(championBefore(log('a', 'b', 'c', '<b'))).toBe('a');
  expect(championBefore(log('a', 'b', 'c', '<b', '<a'))).toBe(null);
  expect(championBefore(log('a', 'b', '<a', 'd'))).toBe('a');
  expect(championBefore([])).toBe(null);
});
