import type { CaseScores } from '@voxhelm/contracts/evaluation';
import { expect, test } from 'vitest';
import { spreadByClass, spreadOf } from './score-spread.ts';

const LABELS = ['background', 'head', 'tail'].map((name, value) => ({ value, name }));

test('the spread of a score: its ends, its middle and the four fifths between', () => {
  const values = [0.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9, 1, 0];
  const { min, low, middle, high, max } = spreadOf(values);
  expect([min, low, middle, high, max].map((value) => value.toFixed(3))).toEqual([
    ...['0.000', '0.100', '0.500', '0.900', '1.000'],
  ]);
  expect(spreadOf([2, 4]).middle).toBe(3);
});

test('each class that three cases have is a row; what a case lacks does not count', () => {
  const one = (dice: number, hd95Mm: number | null) => ({
    ...{ dice, iou: null, hdMm: null, hd95Mm, assdMm: null, surfaceDice: null },
  });
  const cases: CaseScores[] = [0.7, 0.8, 0.9].map((dice, index) => ({
    case: String(index),
    dice,
    classes: { 1: one(dice, 1), 2: one(dice, index === 0 ? null : 2) },
  }));
  expect(spreadByClass(LABELS, cases, ({ dice }) => dice).map(({ name, middle }) => `${name} ${middle}`)).toEqual([
    ...['head 0.8', 'tail 0.8'],
  ]);
  expect(spreadByClass(LABELS, cases, ({ hd95Mm }) => hd95Mm).map(({ name }) => name)).toEqual(['head']);
});
