import { expect, test } from 'vitest';
import { tableOfLines } from './lines.ts';

test('curves as a table: a row a step, gaps where a line has no point, few rows of many, the last among them', () => {
  const lines = [
    { steps: [10, 20, 30], values: [1, 2, 3] },
    { steps: [20, 40], values: [7, 8] },
  ];
  expect(tableOfLines(lines, 10)).toEqual({
    steps: 4,
    rows: [
      { step: 10, values: [1, null] },
      { step: 20, values: [2, 7] },
      { step: 30, values: [3, null] },
      { step: 40, values: [null, 8] },
    ],
  });
  expect(tableOfLines(lines, 2).rows.map(({ step }) => step)).toEqual([20, 40]);
  expect(tableOfLines([], 5)).toEqual({ rows: [], steps: 0 });
});
