import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkPoint, compileSpace, hp } from './space.ts';
import { ask, bestTrial, createStudy, report, type Study, shouldStop, start, tell } from './study.ts';

const algorithms = [
  {
    name: 'segresnet',
    space: {
      learningRate: hp.loguniform(Math.log(1e-4), Math.log(1e-2)),
      filters: hp.choice([8, 16, 32]),
      dropout: hp.quniform(0.1, 0.55, 0.1),
      depth: hp.randint(4),
      noise: hp.lognormal(0, 1),
      momentum: hp.uniform(0.5, 0.99),
      width: hp.qloguniform(Math.log(8), Math.log(64), 8),
    },
    defaults: { learningRate: 1e-3, filters: 16, dropout: 0.2, depth: 3, noise: 1, momentum: 0.9, width: 32 },
  },
  { name: 'dints', space: { learningRate: hp.uniform(0.1, 0.3) }, defaults: { learningRate: 0.2 } },
];

function studyOf(seed: number): Study {
  return createStudy({ algorithms, settings: { sampler: 'random', pruner: 'median' }, seed });
}

test('the first trials are the default of each algorithm', () => {
  const study = studyOf(7);
  expect(ask(study, 0)).toMatchObject({
    algorithm: 'segresnet',
    'segresnet.learningRate': 1e-3,
    'segresnet.filters': 16,
  });
  expect(ask(study, 1)).toEqual({ algorithm: 'dints', 'dints.learningRate': 0.2 });
});

test('every point asked for lies in its space', () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 5_000 }), (seed, number) => {
      const study = studyOf(seed);
      checkPoint(compileSpace(study.space), ask(study, number));
    }),
    { numRuns: 500 },
  );
});

test('ask depends on seed and number alone: retried, reordered and stored asks agree; others differ', () => {
  const forward = Array.from({ length: 40 }, (_, number) => ask(studyOf(3), number));
  const stored: Study = JSON.parse(JSON.stringify(studyOf(3)));
  const backward = Array.from({ length: 40 }, (_, index) => ask(stored, 39 - index)).reverse();
  expect(backward).toEqual(forward);
  let busy = studyOf(3);
  for (let number = 0; number < 20; number++)
    busy = tell(start(busy, number, ask(busy, number), 10), number, 'completed', 0.5);
  expect(ask(busy, 30)).toEqual(forward[30]);
  expect(ask(busy, 5)).toEqual(forward[5]);
  expect(new Set(forward.map((point) => JSON.stringify(point))).size).toBe(40);
  expect(ask(studyOf(4), 30)).not.toEqual(forward[30]);
});

test('draws spread over the whole space', () => {
  const points = Array.from({ length: 2_000 }, (_, number) => ask(studyOf(11), number + 2));
  const own = points.filter((point) => point['algorithm'] === 'segresnet');
  // Binomial(2000, 1/2): six standard deviations are 134.
  expect(Math.abs(own.length - 1_000)).toBeLessThan(134);
  const below = own.filter((point) => Number(point['segresnet.learningRate']) < 1e-3).length / own.length;
  expect(below).toBeGreaterThan(0.4);
  expect(below).toBeLessThan(0.6);
  for (const [name, count] of [
    ['filters', 3],
    ['dropout', 5],
    ['depth', 4],
  ] as const) {
    const values = own.map((point) => point[`segresnet.${name}`]);
    const shares = [...new Set(values)].map((value) => values.filter((each) => each === value).length / own.length);
    expect(shares.length).toBe(count);
    for (const share of shares) expect(Math.abs(share - 1 / count)).toBeLessThan(0.08);
  }
});

test('a study is JSON through and through', () => {
  let study = start(studyOf(1), 0, ask(studyOf(1), 0), 100);
  study = tell(report(study, 0, 50, 0.6), 0, 'completed', 0.7);
  expect(JSON.parse(JSON.stringify(study))).toEqual(study);
});

test('starting, reporting and telling again change nothing', () => {
  const once = tell(report(start(studyOf(1), 0, ask(studyOf(1), 0), 100), 0, 50, 0.6), 0, 'completed', 0.7);
  const twice = tell(report(start(once, 0, ask(once, 0), 100), 0, 50, 0.9), 0, 'completed', 0.7);
  expect(twice).toEqual(once);
});

test('a diverged trial is never the best; level trials go to the earlier', () => {
  let study = studyOf(1);
  for (let number = 0; number < 4; number++) study = start(study, number, ask(study, number), 10);
  expect(bestTrial(study)).toBeNull();
  study = tell(study, 0, 'completed', Number.NaN);
  study = tell(study, 1, 'completed', 0.5);
  study = tell(study, 2, 'completed', 0.5);
  study = tell(study, 3, 'diverged', 0.9);
  expect(bestTrial(study)?.number).toBe(1);
  expect(bestTrial(study, 'unknown')).toBeNull();
});

test('a point that is not in the space cannot be started', () => {
  expect(() => start(studyOf(1), 0, { algorithm: 'unknown' }, 10)).toThrow(/algorithm/);
  expect(() => ask(studyOf(1), -1)).toThrow(/trial number/);
  expect(() => report(studyOf(1), 9, 1, 0.5)).toThrow(/no trial 9/);
});

test('the pruner "none" stops nothing', () => {
  let study: Study = { ...studyOf(1), settings: { sampler: 'random', pruner: 'none' } };
  for (let number = 0; number < 8; number++) {
    study = report(start(study, number, ask(study, number), 100), number, 50, 0.9);
    if (number < 7) study = tell(study, number, 'completed', 0.9);
  }
  study = report(study, 7, 60, 0);
  expect(shouldStop(study, 7, 60)).toEqual({ stop: false, reason: null });
});
