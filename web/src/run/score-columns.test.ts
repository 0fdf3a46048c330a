import type { CaseScores, ClassScores } from '@voxhelm/contracts/evaluation';
import { expect, test } from 'vitest';
import { toCsv } from '../components/columns.ts';
import { csvOf } from '../csv.ts';
import { scoreColumns } from './score-columns.ts';

const LABELS = ['background', 'head', 'tail'].map((name, value) => ({ value, name }));
const scores = (dice: number | null, hd95Mm: number | null, volumeError?: number | null): ClassScores => ({
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

test('a missing HD95 says why, in its cell and in the CSV: a class is not in truth or prediction', () => {
  const rows: CaseScores[] = [
    { case: 'a', dice: 0, classes: { 1: scores(0, null, -1), 2: scores(0, null, null) } },
    { case: 'b', dice: 0.9, classes: { 1: scores(0.9, 2, 0.1), 2: scores(null, null, null) } },
  ];
  const columns = scoreColumns<CaseScores>(LABELS, (one) => one, rows);
  const shown = (one: CaseScores, id: string) => columns.find((column) => column.id === id)?.cell?.(one);
  expect(shown(rows[0] as CaseScores, 'hd95')).toBe('not predicted, not in the truth');
  expect(shown(rows[0] as CaseScores, 'hd95.1')).toBe('not predicted');
  expect(shown(rows[1] as CaseScores, 'hd95')).toBe('2');
  expect(shown(rows[1] as CaseScores, 'hd95.2')).toBe('in neither');
  const lines = csvOf(toCsv(rows, columns)).split('\r\n');
  expect(lines[0]).toContain('HD95 mm,"Volume error, absolute (of the true volume)",Why HD95 is missing,');
  expect(lines[1]).toBe('0,,1,head: not predicted; tail: not in the truth,0,,-1,0,,');
  expect(lines[2]).toBe('0.9,2,0.1,tail: in neither,0.9,2,0.1,,,');
});

test('of many classes the means are shown, the others wait to be chosen', () => {
  const many = Array.from({ length: 6 }, (_, value) => ({ value, name: `class ${value}` }));
  expect(scoreColumns<CaseScores>(many, (one) => one).filter(({ extra }) => extra !== true)).toHaveLength(3);
});
