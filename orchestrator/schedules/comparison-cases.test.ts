import { expect, test } from 'vitest';
import { casesToDraw } from './comparison-cases.ts';

const LATER = { total: 60, held: 8, usable: 8, candidates: 10, wanted: undefined, shareOfNew: 0.2 };

test('later draws bring the comparison cases to their share of all, also by few new cases at a time', () => {
  let [total, held] = [30, 6];
  for (let round = 0; round < 20; round++) {
    total += 4;
    held += casesToDraw({ ...LATER, total, held, usable: held, candidates: 4 });
  }
  expect([total, held]).toEqual([110, 22]);
});

test('asked again because the retraining failed, it draws nothing more', () => {
  const drawn = casesToDraw(LATER);
  expect(drawn).toBe(4);
  expect(casesToDraw({ ...LATER, held: 12, usable: 12, candidates: 6 })).toBe(0);
});

test('at most half of the new cases are taken from training, but for a test that would be impossible otherwise', () => {
  expect(casesToDraw({ ...LATER, total: 1_000 })).toBe(5);
  expect(casesToDraw({ ...LATER, total: 12, held: 3, usable: 3, candidates: 4 })).toBe(2);
  expect(casesToDraw({ ...LATER, total: 1_000, shareOfNew: 0 })).toBe(0);
});

test('the number that the schedule asks for is made up for as soon as there are cases', () => {
  expect(casesToDraw({ ...LATER, total: 20, held: 6, usable: 6, wanted: 8 })).toBe(2);
});
