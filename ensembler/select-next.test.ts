import { expect, test } from 'vitest';
import { orderToLabel } from './select-next.ts';

const LABELLED = Array.from({ length: 20 }, (_, i) => [100 + i, 40]);
const one = (caseId: string, uncertainty: number, features: number[]) => ({
  caseId,
  uncertainty,
  disagreement: 0,
  features,
});
const names = (cases: ReturnType<typeof one>[], labelled = LABELLED) =>
  orderToLabel(cases, labelled).map(({ caseId }) => caseId);

test('among cases like the labelled ones the least sure comes first', () => {
  expect(names([one('sure', 0.1, [105, 40]), one('unsure', 0.5, [105, 40]), one('middle', 0.3, [105, 40])])).toEqual([
    'unsure',
    'middle',
    'sure',
  ]);
});

test('ten views of one odd scanner do not fill the head of the list', () => {
  const odd = Array.from({ length: 10 }, (_, i) => one(`odd${i}`, 0.5, [300 + i / 10, 40]));
  const order = names([...odd, one('other', 0.45, [40, 60])]);
  expect(order[0]).toMatch(/^odd/);
  expect(order[1]).toBe('other');
});

test('novelty falls with each case of a kind that stands above', () => {
  const order = orderToLabel([one('a', 0.5, [300, 40]), one('b', 0.5, [300, 40])], LABELLED);
  expect(order[0]?.novelty).toBeGreaterThan(0.8);
  expect(order[1]?.novelty).toBe(0);
});

test('works with nothing labelled and with nothing to label', () => {
  expect(names([one('a', 0.2, [1]), one('b', 0.9, [1])], [])).toEqual(['b', 'a']);
  expect(orderToLabel([], LABELLED)).toEqual([]);
});
