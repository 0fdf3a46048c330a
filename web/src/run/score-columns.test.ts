import type { CaseScores, ClassScores } from '@voxhelm/contracts/evaluation';
import { expect, test } from 'vitest';
import { scoreColumns } from './score-columns.ts';

const LABELS = ['background', 'head', 'tail'].map((name, value) => ({ value, name }));
const scores = (dice: number, hd95Mm: number | null, volumeError?: number): ClassScores => ({
  ...{ dice, iou: null, hdMm: null, hd95Mm, assdMm: null, surfaceDice: null },
  ...(volumeError === undefined ? {} : { volumeError }),
});

test('each case tells Dice, HD95 and volume error, over its classes and of each; what was not measured is a dash', () => {
  const row: CaseScores = { case: 'a', dice: 0.75, classes: { 1: scores(0.9, 2, 0.1), 2: scores(0.6, 4, -0.3) } };
  const old: CaseScores = { case: 'b', dice: 0.5, classes: { 1: scores(0.5, null) } };
  const columns = scoreColumns<CaseScores>(LABELS, (one) => one);
  const shown = (one: CaseScores) => columns.map(({ title, cell }) => `${title}: ${cell?.(one)}`);
  expect(shown(row)).toEqual([
    'Dice: 0.750',
    'HD95 mm: 3',
    'Volume error, absolute: 20.0 %',
    'Dice head: 0.900',
    'HD95 head mm: 2',
    'Volume error head: +10.0 %',
    'Dice tail: 0.600',
    'HD95 tail mm: 4',
    'Volume error tail: -30.0 %',
  ]);
  expect(shown(old).slice(0, 3)).toEqual(['Dice: 0.500', 'HD95 mm: –', 'Volume error, absolute: –']);
});

test('of many classes the means are shown, the others wait to be chosen', () => {
  const many = Array.from({ length: 6 }, (_, value) => ({ value, name: `class ${value}` }));
  expect(scoreColumns<CaseScores>(many, (one) => one).filter(({ extra }) => extra !== true)).toHaveLength(3);
});
