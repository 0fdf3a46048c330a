import { expect, test } from 'vitest';
import { IDENTITY_AFFINE, type LabelMap } from '../volume.ts';
import { diceByGroup, evaluateGroups } from './group-scores.ts';

const groups = [
  { name: 'whole', values: [1, 2], writes: 1 },
  { name: 'core', values: [2], writes: 2 },
];
const map = (...values: number[]): LabelMap => ({
  shape: [values.length, 1, 1],
  affine: IDENTITY_AFFINE,
  data: Uint8Array.from(values),
});

test('a core that is taken for the rest of the whole is no fault of the whole', () => {
  const [prediction, truth] = [map(0, 1, 1, 1, 0), map(0, 1, 2, 2, 0)];
  expect(diceByGroup(prediction.data, truth.data, groups)).toEqual(
    new Map([
      [1, 1],
      [2, 0],
    ]),
  );
  const scores = evaluateGroups('c', prediction, truth, groups, 1);
  expect(scores).toMatchObject({ case: 'c', dice: 0.5, classes: { 1: { dice: 1, hd95Mm: 0 }, 2: { dice: 0 } } });
});

test('a group that neither has does not count', () => {
  expect(evaluateGroups('c', map(0, 1), map(0, 1), groups, 1)).toMatchObject({
    dice: 1,
    classes: { 2: { dice: null } },
  });
});
