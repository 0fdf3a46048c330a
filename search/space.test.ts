import { VoxhelmError } from '@voxhelm/contracts/errors';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shapedLike } from './points.ts';
import { checkPoint, compileSpace, hp, type SearchSpace } from './space.ts';

const nested: SearchSpace = {
  algorithm: hp.choice([
    { segresnet: { learningRate: hp.loguniform(Math.log(1e-4), Math.log(1e-2)), filters: hp.choice([8, 16]) } },
    {
      swinunetr: {
        learningRate: hp.uniform(0, 1),
        schedule: hp.choice(['cosine', { poly: { power: hp.quniform(1, 3, 0.5) } }]),
      },
    },
  ]),
};

test('names parameters by path, parents first, each with the choices it depends on', () => {
  const parameters = compileSpace(nested);
  expect(parameters.map(({ path }) => path)).toEqual([
    'algorithm',
    'segresnet.learningRate',
    'segresnet.filters',
    'swinunetr.learningRate',
    'swinunetr.schedule',
    'swinunetr.poly.power',
  ]);
  expect(parameters[5]?.when).toEqual([
    { path: 'algorithm', value: 'swinunetr' },
    { path: 'swinunetr.schedule', value: 'poly' },
  ]);
  const rate = parameters[1]?.domain;
  expect(rate).toMatchObject({ kind: 'range', log: true });
  expect(rate?.kind === 'range' && rate.low).toBeCloseTo(1e-4, 12);
});

test('a space that went through JSON compiles to the same parameters', () => {
  expect(compileSpace(JSON.parse(JSON.stringify(nested)))).toEqual(compileSpace(nested));
});

test.each<[string, SearchSpace, RegExp]>([
  ['inverted bounds', { x: hp.uniform(2, 1) }, /"x" has low 2 not below high 1/],
  ['equal bounds', { x: hp.uniform(1, 1) }, /not below/],
  ['a bound that is no number', { x: hp.uniform(Number.NaN, 1) }, /finite number as low/],
  ['a step of 0', { x: hp.quniform(0, 1, 0) }, /step 0/],
  ['log bounds that overflow', { x: hp.loguniform(1, 1000) }, /natural logarithms/],
  ['no options', { x: hp.choice([]) }, /without options/],
  ['the same option twice', { x: hp.choice(['a', 'a']) }, /same option twice/],
  ['an option that is no data', { x: hp.choice([() => 1]) }, /no data/],
  ['randint below 1', { x: hp.randint(0) }, /upper bound 0/],
  ['a normal without spread', { x: hp.normal(0, 0) }, /standard deviation 0/],
  ['an array', { x: [1, 2] }, /neither an expression/],
  ['null', { x: null }, /neither an expression/],
  ['a dotted name', { 'a.b': hp.uniform(0, 1) }, /dot/],
  [
    'two parameters of one path',
    { c: hp.choice([{ g: { x: hp.uniform(0, 1) } }]), g: { x: hp.uniform(0, 1) } },
    /occurs twice/,
  ],
])('refuses %s, naming the parameter', (_, space, message) => {
  expect(() => compileSpace(space)).toThrow(message);
  expect(() => compileSpace(space)).toThrow(VoxhelmError);
});

test('data that only looks like an expression is a group, not a draw', () => {
  expect(compileSpace({ x: { name: 'uniform' } })[0]).toMatchObject({
    path: 'x.name',
    domain: { options: ['uniform'] },
  });
});

test('a point with a missing, unknown, inactive or impossible value is refused', () => {
  const parameters = compileSpace(nested);
  const point = { algorithm: 'segresnet', 'segresnet.learningRate': 1e-3, 'segresnet.filters': 8 };
  expect(() => checkPoint(parameters, point)).not.toThrow();
  expect(() => checkPoint(parameters, { ...point, 'segresnet.filters': 12 })).toThrow(/filters.*cannot be 12/);
  expect(() => checkPoint(parameters, { ...point, 'segresnet.learningRate': 1 })).toThrow(/cannot be 1/);
  expect(() => checkPoint(parameters, { ...point, 'swinunetr.learningRate': 0.5 })).toThrow(/does not exist there/);
  expect(() => checkPoint(parameters, { algorithm: 'segresnet' })).toThrow(/missing/);
});

test('whatever is thrown at it, compiling a space either works or refuses with a typed error', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (space) => {
      try {
        compileSpace(space);
      } catch (error) {
        expect(error).toBeInstanceOf(VoxhelmError);
      }
    }),
    { numRuns: 300 },
  );
});

test("hyperopt's own ways to write options: named objects, bare expressions, lists and null", () => {
  const space: SearchSpace = {
    algo: hp.choice([
      { name: 'a', depth: hp.randint(4) },
      { name: 'b', depth: hp.randint(9), deep: { x: hp.uniform(0, 1) } },
    ]),
    rate: hp.choice([hp.uniform(0, 1), hp.loguniform(-5, 0)]),
    kernel: hp.choice([[3, 3, 3], [5, 5, 5], null]),
    unnamed: hp.choice([{ p: hp.uniform(0, 1) }, { q: hp.uniform(0, 1), r: 2 }]),
  };
  expect(compileSpace(space).map(({ path }) => path)).toEqual([
    'algo',
    'algo.a.depth',
    'algo.b.depth',
    'algo.b.deep.x',
    'rate',
    'rate.0',
    'rate.1',
    'kernel',
    'unnamed',
    'unnamed.0.p',
    'unnamed.1.q',
    'unnamed.1.r',
  ]);
  const point = { algo: 'b', 'algo.b.depth': 3, 'algo.b.deep.x': 0.5, rate: '1', 'rate.1': 0.1, kernel: '[5,5,5]' };
  const whole = { ...point, unnamed: '1', 'unnamed.1.q': 0.7, 'unnamed.1.r': 2 };
  expect(() => checkPoint(compileSpace(space), whole)).not.toThrow();
  expect(shapedLike(space, whole)).toEqual({
    algo: { name: 'b', depth: 3, deep: { x: 0.5 } },
    rate: 0.1,
    kernel: [5, 5, 5],
    unnamed: { q: 0.7, r: 2 },
  });
});

test('a point takes the shape of a space whose options are named groups', () => {
  const point = {
    algorithm: 'swinunetr',
    'swinunetr.learningRate': 0.5,
    'swinunetr.schedule': 'poly',
    'swinunetr.poly.power': 2,
  };
  expect(shapedLike(nested, point)).toEqual({
    algorithm: { swinunetr: { learningRate: 0.5, schedule: { poly: { power: 2 } } } },
  });
});
