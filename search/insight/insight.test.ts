import fc from 'fast-check';
import { expect, test } from 'vitest';
import { streamByKeys } from '../random.ts';
import { hp } from '../space.ts';
import { importances } from './importance.ts';
import { dominates, hypervolume, paretoFront } from './pareto.ts';

const points = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 9 })), { maxLength: 25 });

test('the front dominates everything off it, and nothing on it is dominated', () => {
  fc.assert(
    fc.property(points, (all) => {
      const front = paretoFront(all);
      all.forEach((point, i) => {
        const beaten = all.some((other) => dominates(other, point));
        expect(front.includes(i)).toBe(!beaten && all.findIndex(([a, b]) => a === point[0] && b === point[1]) === i);
      });
    }),
  );
});

test('the hypervolume is the number of dominated cells of a grid, in two and three objectives', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(...Array.from({ length: 3 }, () => fc.integer({ min: 0, max: 5 }))), { maxLength: 8 }),
      (all) => {
        let cells = 0;
        for (let x = 0; x < 5; x++)
          for (let y = 0; y < 5; y++)
            for (let z = 0; z < 5; z++)
              if (all.some(([a, b, c]) => (a ?? 9) <= x && (b ?? 9) <= y && (c ?? 9) <= z)) cells++;
        expect(hypervolume(all, [5, 5, 5])).toBeCloseTo(cells, 9);
      },
    ),
  );
});

test('importance goes to what decides, and a parameter without influence gets little and says how unsure that is', () => {
  const random = streamByKeys('importance-test');
  const space = { x: hp.uniform(0, 1), idle: hp.uniform(0, 1), kind: hp.choice(['a', 'b', 'c']) };
  const trials = Array.from({ length: 80 }, () => {
    const point = { x: random(), idle: random(), kind: ['a', 'b', 'c'][Math.floor(random() * 3)] as string };
    return { point, loss: (point.x - 0.7) ** 2 };
  });
  const result = importances(space, trials, 1);
  expect(result[0]?.path).toBe('x');
  expect(result[0]?.importance).toBeGreaterThan(0.6);
  expect(result[0]?.low).toBeGreaterThan(0.3);
  expect(importances(space, trials, 1)).toEqual(result);
  expect(importances(space, trials.slice(0, 7), 1)).toEqual([]);
});
