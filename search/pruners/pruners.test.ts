import { expect, test } from 'vitest';
import { forecast } from '../fidelity/curve.ts';
import { signedRankP } from '../signed-rank.ts';
import { type Study, type StudyTrial, shouldStop } from '../study.ts';
import { pruneByCurve } from './curve.ts';
import { pruneByMedian, pruneByPercentile } from './median.ts';
import { isWorse, pruneByCases } from './wilcoxon.ts';

function trial(number: number, end: number, scale: number, upTo = 30): StudyTrial {
  const reports = Array.from({ length: upTo }, (_, i) => [i + 1, end * (1 - Math.exp(-(i + 1) / scale))] as const);
  const whole = upTo === 30;
  return {
    number,
    point: {},
    steps: 30,
    state: whole ? 'completed' : 'running',
    value: whole ? (reports.at(-1)?.[1] ?? null) : null,
    reports,
  };
}

const finished = [0.7, 0.75, 0.8, 0.82, 0.85, 0.78].map((end, number) => trial(number, end, 4));

test('a curve that levels off below the best is stopped; a slow starter that is still rising goes on', () => {
  const flat = trial(9, 0.5, 3, 15);
  expect(pruneByCurve([...finished, flat], flat, 15, 'maximize').stop).toBe(true);
  expect(pruneByCurve([...finished, flat], flat, 15, 'maximize').reason).toMatch(/even .* is not the best trial's/);
  const slow = trial(9, 1.2, 20, 11);
  expect(slow.reports.at(-1)?.[1]).toBeLessThan(0.6);
  expect(pruneByMedian([...finished, slow], slow, 11, 'maximize').stop).toBe(true);
  expect(pruneByCurve([...finished, slow], slow, 11, 'maximize').stop).toBe(false);
});

test('nothing is stopped early, or while too few have finished', () => {
  const flat = trial(9, 0.1, 3, 15);
  expect(pruneByCurve([...finished, flat], flat, 5, 'maximize').stop).toBe(false);
  expect(pruneByCurve([...finished.slice(0, 3), flat], flat, 15, 'maximize').stop).toBe(false);
});

test('the percentile pruner lets pass what is among the better three quarters', () => {
  const middling = trial(9, 0.77, 4, 15);
  expect(pruneByMedian([...finished, middling], middling, 15, 'maximize').stop).toBe(true);
  expect(pruneByPercentile([...finished, middling], middling, 15, 'maximize').stop).toBe(false);
});

test('a forecast is exact on curves of its own shapes and says how unsure it is of few points', () => {
  const curve = (x: number) => 0.2 + 0.6 * Math.exp(-x / 0.2);
  const points = (count: number) =>
    Array.from({ length: count }, (_, i) => [(i + 1) / 30, curve((i + 1) / 30)] as const);
  const prior = { mean: 0.3, sd: 0.1 };
  expect(forecast(points(20), prior).loss).toBeCloseTo(curve(1), 2);
  expect(forecast(points(3), prior).sd).toBeGreaterThan(forecast(points(20), prior).sd);
  expect(forecast([], prior)).toEqual({ loss: 0.3, sd: 0.1 });
  expect(forecast(points(30), prior)).toEqual({ loss: curve(1), sd: 0 });
});

test("the signed-rank test gives scipy's p-values", () => {
  // scipy.stats.wilcoxon(d, alternative='greater'): exact for the first, approx for ties.
  expect(signedRankP([1, 2, 3, 4, 5])).toBeCloseTo(0.03125, 10);
  expect(signedRankP([-1, 2, -3, 4, 5, 6])).toBeCloseTo(0.109375, 10);
  expect(signedRankP([])).toBe(1);
});

test('a configuration is given up only where it is worse case by case and in the mean', () => {
  const best = new Map(Array.from({ length: 8 }, (_, i) => [`case-${i}`, 0.2 + i / 100]));
  const worse = new Map([...best].map(([id, loss], i) => [id, loss + 0.05 + i / 1000]));
  expect(isWorse(worse, best).stop).toBe(true);
  expect(isWorse(best, worse).stop).toBe(false);
  expect(isWorse(new Map([...worse].slice(0, 1)), best).stop).toBe(false);
});

test('a trial that is worse case by case is stopped by name, one that lost a single case badly is not', () => {
  const cases = (shift: number, bad = 0) =>
    Object.fromEntries(
      Array.from({ length: 8 }, (_, i) => [`case-${i}`, 0.8 - shift - i / 1000 - (i === 0 ? bad : 0)]),
    );
  const best: StudyTrial = {
    ...trial(0, 0.8, 4),
    caseReports: [
      [10, cases(0.3)],
      [15, cases(0)],
    ],
  };
  const other: StudyTrial = { ...trial(1, 0.5, 4), caseReports: [[15, cases(0.2)]] };
  const asked = (own: Record<string, number>) => {
    const running: StudyTrial = { ...trial(9, 0.7, 4, 15), caseReports: [[15, own]] };
    return pruneByCases([best, other, running], running, 15, 'maximize');
  };
  expect(asked(cases(0.05))).toMatchObject({
    stop: true,
    reason: expect.stringContaining('worse than trial 1 case by case'),
  });
  expect(asked(cases(-0.001, 0.6)).stop).toBe(false);
  expect(asked(cases(-0.05)).stop).toBe(false);
  const early: StudyTrial = { ...trial(9, 0.7, 4, 9), caseReports: [[9, cases(0.5)]] };
  expect(pruneByCases([best, early], early, 9, 'maximize').stop).toBe(false);
});

test('nothing is stopped for being slow to start, whatever the pruner; what has not started by half of its steps is', () => {
  const sleeper = trial(9, 0, 4, 18);
  const study = (pruner: Study['settings']['pruner']): Study => ({
    ...{ schemaVersion: 1, space: {}, seed: 0, firstPoints: [], trials: [...finished, sleeper] },
    settings: { sampler: 'random', pruner },
  });
  for (const pruner of ['median', 'percentile', 'curve'] as const) {
    for (let step = 1; step < 15; step++) expect(shouldStop(study(pruner), 9, step).stop).toBe(false);
    expect(shouldStop(study(pruner), 9, 16).stop).toBe(true);
  }
});
