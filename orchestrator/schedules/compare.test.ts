import { bootstrapInterval } from '@voxhelm/contracts/bootstrap';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import { signedRankP } from '@voxhelm/search/signed-rank';
import { describe, expect, test } from 'vitest';
import { compareModels } from './compare.ts';

const RULE = { significance: 0.05, classMargin: 0.02 };

/** A model whose two classes score these Dice on cases c0, c1, ... */
function model(runId: string, dice: readonly (readonly [number | null, number | null])[]) {
  const own = (value: number | null) => ({
    dice: value,
    iou: null,
    hdMm: null,
    hd95Mm: null,
    assdMm: null,
    surfaceDice: null,
  });
  const scores = dice.map(([one, two], index): CaseScores => {
    const there = [one, two].filter((value) => value !== null);
    const mean = there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0) / there.length;
    return { case: `c${index}`, dice: mean, classes: { '1': own(one), '2': own(two) } };
  });
  return { runId, scores };
}

const even = (...dice: number[]) => dice.map((value) => [value, value] as const);

describe('champion against challenger', () => {
  test('one that wins every case of 6 is promoted, with the exact p-value', () => {
    const old = model('old', even(0.8, 0.81, 0.7, 0.85, 0.6, 0.77));
    const fresh = model('new', even(0.82, 0.84, 0.74, 0.9, 0.66, 0.84));
    const result = compareModels(old, fresh, RULE);
    expect(result).toMatchObject({ better: true, championRunId: 'old', challengerRunId: 'new' });
    expect(result.pValue).toBeCloseTo(1 / 64);
    expect(result.interval[0]).toBeLessThan(result.meanDifference);
    expect(result.interval[1]).toBeGreaterThan(result.meanDifference);
    expect(result.reason).toContain('p = 0.0156');
  });

  test('one that wins as often as it loses is kept, whatever its mean', () => {
    const old = model('old', even(0.8, 0.81, 0.7, 0.85, 0.6, 0.77));
    const fresh = model('new', even(0.79, 0.8, 0.69, 0.84, 0.9, 0.95));
    const result = compareModels(old, fresh, RULE);
    expect(result.meanDifference).toBeGreaterThan(0.05);
    expect(result).toMatchObject({ better: false, reason: expect.stringContaining('is not better') });
  });

  test('one that loses a class by more than the margin is kept, however much it wins elsewhere', () => {
    const old = model(
      'old',
      Array.from({ length: 8 }, (_, i) => [0.7 + i / 100, 0.8] as const),
    );
    const fresh = model(
      'new',
      Array.from({ length: 8 }, (_, i) => [0.9 + i / 100, 0.77] as const),
    );
    expect(compareModels(old, fresh, RULE)).toMatchObject({
      better: false,
      reason: expect.stringContaining('label 2 loses'),
    });
    expect(compareModels(old, fresh, { ...RULE, classMargin: 0.05 }).better).toBe(true);
  });

  test('equal models are kept; so are those on too few cases, which the reason says', () => {
    const same = even(0.8, 0.7, 0.9, 0.6, 0.5, 0.7);
    expect(compareModels(model('a', same), model('b', same), RULE)).toMatchObject({ better: false, meanDifference: 0 });
    const few = compareModels(model('a', even(0.1, 0.1, 0.1)), model('b', even(0.9, 0.9, 0.9)), RULE);
    expect(few).toMatchObject({ better: false, reason: expect.stringContaining('too few') });
  });

  test('equal differences count exactly, and cases without one say nothing', () => {
    expect(signedRankP([0.1, 0.1, 0.1, 0.1, 0.1, 0.1])).toBeCloseTo(1 / 64);
    expect(signedRankP([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0, 0])).toBeCloseTo(1 / 64);
    // By hand: of the 32 subsets of 1..5 and the 64 of the mean ranks 1.5, 1.5, 4, 4, 4, 6, those whose sum is not less.
    expect(signedRankP([1, 2, 3, 4, -5])).toBeCloseTo(10 / 32);
    expect(signedRankP([1, 2, 2, 3, -2, -1])).toBeCloseTo(13 / 64);
    expect(signedRankP([0, 0])).toBe(1);
    // Ranked, equal pairs take the lowest ranks: 3 and 4 of 4.
    expect(signedRankP([0, 0, 1, 2], 'rank')).toBeCloseTo(1 / 4);
    expect(signedRankP([0, 0, -1, 2], 'rank')).toBeCloseTo(2 / 4);
    // By the normal approximation: 60 wins of 60, and as many wins as losses.
    expect(signedRankP(Array(60).fill(0.1))).toBeLessThan(1e-9);
    expect(signedRankP(Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 1 : -1)))).toBeCloseTo(0.5);
    expect(signedRankP([-0.1, -0.2, -0.3])).toBe(1);
  });

  test('only cases that both scored count, and only classes that both have', () => {
    const old = model('old', [...even(0.5, 0.5, 0.5, 0.5, 0.5), [null, null], [0.5, null]]);
    const fresh = model('new', [...even(0.6, 0.61, 0.62, 0.63, 0.64), [0.9, 0.9], [0.7, 0.1]]);
    const result = compareModels(old, fresh, RULE);
    expect(result.cases).toHaveLength(7);
    expect(result.classes[1]).toMatchObject({ value: '2', champion: 0.5, challenger: expect.closeTo(0.62) });
  });

  test('the interval is the same each time, and a point without spread', () => {
    expect(bootstrapInterval([0.1, 0.2, 0.3])).toEqual(bootstrapInterval([0.1, 0.2, 0.3]));
    expect(bootstrapInterval([0.25, 0.25])).toEqual([0.25, 0.25]);
    expect(bootstrapInterval([])).toBeNull();
  });
});
