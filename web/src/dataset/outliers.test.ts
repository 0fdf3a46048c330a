import { expect, test } from 'vitest';
import { outliersOf } from './outliers.ts';

test('a case of another spacing is named with the usual value, the others are not', () => {
  const cases = Array.from({ length: 12 }, (_, index) => ({
    caseId: `c${index}`,
    shape: [60 + (index % 4), 60, 40],
    spacingMm: [1, 1, index === 7 ? 5 : 1],
  }));
  expect([...outliersOf(cases)]).toEqual([['c7', ['spacing z 5 mm, usual 1']]]);
  expect(outliersOf(cases.slice(0, 3)).size).toBe(0);
});
