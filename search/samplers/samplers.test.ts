import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkPoint, compileSpace, hp, type SearchSpace } from '../space.ts';
import { ask, type Study, start, tell } from '../study.ts';
import { SAMPLERS, type SamplerName } from './pick.ts';

const names = Object.keys(SAMPLERS) as SamplerName[];

/** Every expression of the language, nested and conditional. */
const everything: SearchSpace = {
  rate: hp.loguniform(Math.log(1e-5), Math.log(0.1)),
  layers: hp.randint(5),
  dropout: hp.uniform(0, 0.5),
  width: hp.quniform(8, 64, 8),
  batch: hp.qloguniform(Math.log(1), Math.log(64), 1),
  noise: hp.normal(0, 2),
  shift: hp.qnormal(10, 4, 0.5),
  decay: hp.lognormal(-3, 1),
  blur: hp.qlognormal(1, 0.5, 0.25),
  optimizer: hp.choice([
    {
      name: 'sgd',
      momentum: hp.uniform(0, 1),
      schedule: hp.choice(['cosine', { poly: { power: hp.quniform(1, 3, 0.5) } }]),
    },
    { name: 'adam', beta: hp.uniform(0.8, 0.999) },
    'lion',
  ]),
};

function studyOf(sampler: SamplerName, space: SearchSpace, seed = 1, trials = 60): Study {
  return {
    schemaVersion: 1,
    space,
    settings: { sampler, pruner: 'none', direction: 'minimize', trials },
    seed,
    firstPoints: [],
    trials: [],
  };
}

/** A loss that depends on everything, with a tenth of trials failing and a tenth diverging. */
function lossOf(point: Record<string, unknown>): number {
  const rate = Math.log10(Number(point['rate'] ?? 0.01)) + 3;
  const choice = { sgd: 0.3, adam: 0, lion: 0.5 }[String(point['optimizer'])] ?? 0;
  return rate * rate + choice + Number(point['dropout'] ?? 0) + Math.abs(Number(point['noise'] ?? 0)) / 10;
}

/** Runs a study, `parallel` pending at a time, every seventh trial failing and every eleventh diverging. */
function run(study: Study, trials: number, parallel = 1): Study {
  let current = study;
  for (let number = 0; number < trials; number++) {
    const point = ask(current, number);
    current = start(current, number, point, 1);
    const done = number - parallel + 1;
    const ended = current.trials[done];
    if (ended === undefined) continue;
    if (done % 7 === 3) current = tell(current, done, 'failed', null);
    else if (done % 11 === 5) current = tell(current, done, 'diverged', Number.NaN);
    else current = tell(current, done, 'completed', lossOf(ended.point));
  }
  return current;
}

describe.each(names)('%s', (sampler) => {
  test('gives possible points of every kind of parameter, no point twice, with failures and pending trials', () => {
    const parameters = compileSpace(everything);
    const study = run(studyOf(sampler, everything), 36, 3);
    for (const { point } of study.trials) checkPoint(parameters, point);
    expect(new Set(study.trials.map(({ point }) => JSON.stringify(point))).size).toBe(36);
  });

  test('is a function of the study as JSON alone: resumed at every cut, it goes on the same', () => {
    const space: SearchSpace = { x: hp.uniform(-1, 1), rate: hp.loguniform(-5, 0), kind: hp.choice(['a', 'b']) };
    const whole = run(studyOf(sampler, space, 9, 24), 24);
    for (let cut = 1; cut < 24; cut++) {
      const stored = JSON.parse(JSON.stringify({ ...whole, trials: whole.trials.slice(0, cut) })) as Study;
      expect(ask(stored, cut)).toEqual(whole.trials[cut]?.point);
    }
  });

  test('survives losses that are equal, huge or nearly equal', () => {
    const space: SearchSpace = { x: hp.uniform(0, 1), y: hp.uniform(0, 1) };
    for (const loss of [
      () => 1,
      (i: number) => 10 ** (i * 10),
      (i: number) => 1 + i * 1e-16,
      (i: number) => -(10 ** i),
    ]) {
      let study = studyOf(sampler, space);
      for (let number = 0; number < 20; number++) {
        const point = ask(study, number);
        checkPoint(compileSpace(space), point);
        study = tell(start(study, number, point, 1), number, 'completed', loss(number));
      }
    }
  });
});

test('random, Sobol and the first trials of models spread over a space whatever its seed', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const points = Array.from({ length: 16 }, (_, i) =>
        ask(studyOf('sobol', { x: hp.uniform(0, 1), y: hp.uniform(0, 1) }, seed), i),
      );
      for (const axis of ['x', 'y']) {
        const cells = points.map((point) => Math.floor(Number(point[axis]) * 16)).sort((a, b) => a - b);
        expect(cells).toEqual(Array.from({ length: 16 }, (_, i) => i));
      }
    }),
    { numRuns: 30 },
  );
});

test('another process asks for the same points', () => {
  const script = fileURLToPath(new URL('./testing/ask-in-process.ts', import.meta.url));
  const study = run(studyOf('gp', everything), 14);
  const answer = execFileSync(process.execPath, ['--import', 'tsx', script], {
    input: JSON.stringify(study),
    encoding: 'utf8',
  });
  const here = names.map((sampler) => ask({ ...study, settings: { ...study.settings, sampler } }, 14));
  expect(JSON.parse(answer)).toEqual(here);
});

test('a small space is used up before a point is asked for again', () => {
  for (const sampler of ['auto', 'tpe', 'sobol'] as const) {
    let study = studyOf(sampler, { a: hp.choice(['p', 'q', 'r']), n: hp.randint(4) });
    for (let number = 0; number < 12; number++) {
      study = tell(start(study, number, ask(study, number), 1), number, 'completed', number % 5);
    }
    expect(new Set(study.trials.map(({ point }) => JSON.stringify(point))).size).toBe(12);
    expect(() => ask(study, 12)).not.toThrow();
  }
});

test('models find what random search does not, and give every branch its quota', () => {
  const space: SearchSpace = {
    algorithm: hp.choice([{ slow: { x: hp.uniform(0, 1), y: hp.uniform(0, 1) } }, { quick: { x: hp.uniform(0, 1) } }]),
  };
  const loss = (point: Record<string, unknown>) =>
    point['algorithm'] === 'quick'
      ? 0.3 + (Number(point['quick.x']) - 0.5) ** 2 / 10
      : 4 * ((Number(point['slow.x']) - 0.2) ** 2 + (Number(point['slow.y']) - 0.9) ** 2);
  const bestBy = (sampler: SamplerName) => {
    let study = studyOf(sampler, space, 5, 40);
    for (let number = 0; number < 40; number++) {
      const point = ask(study, number);
      study = tell(start(study, number, point, 1), number, 'completed', loss(point));
    }
    const branches = study.trials.map(({ point }) => point['algorithm']);
    if (sampler === 'gp') expect(branches.filter((name) => name === 'slow').length).toBeGreaterThanOrEqual(10);
    if (sampler === 'gp') expect(branches.filter((name) => name === 'quick').length).toBeGreaterThanOrEqual(10);
    return Math.min(...study.trials.map(({ value }) => value as number));
  };
  expect(bestBy('gp')).toBeLessThan(1e-4);
  expect(bestBy('gp')).toBeLessThan(bestBy('random') / 10);
});
