import { describe, expect, test } from 'vitest';
import { IDENTITY_AFFINE, type LabelMap } from '../volume.ts';
import { diceByClass } from './dice.ts';
import { evaluateCase, summarize } from './evaluate.ts';

const line = (...values: number[]): LabelMap => ({
  shape: [1, 1, values.length],
  data: Uint8Array.from(values),
  affine: IDENTITY_AFFINE,
});

describe('diceByClass', () => {
  test('counts only the values asked for, in their order, and refuses maps of other lengths', () => {
    expect([...diceByClass(Uint8Array.of(5, 9, 7, 0), Uint8Array.of(5, 9, 0, 7), [9, 5])]).toEqual([
      [9, 1],
      [5, 1],
    ]);
    expect(() => diceByClass(Uint8Array.of(0), Uint8Array.of(0, 0), [1])).toThrow('1 voxels, its truth 2');
    expect(() => diceByClass(Uint8Array.of(0), Uint8Array.of(0), [-1])).toThrow('label value -1 is negative');
    expect(() => diceByClass(Uint8Array.of(0), Uint8Array.of(0), [70_000])).toThrow('70000 is above 65535');
    expect(() => diceByClass(Uint8Array.of(0), Uint8Array.of(0), [1.5])).toThrow('1.5 is not whole');
  });
});

describe('evaluateCase and summarize', () => {
  test('a class absent from both does not count; one found on one side counts as 0', () => {
    const scores = evaluateCase('a', line(1, 1, 0, 3), line(1, 1, 2, 0), [1, 2, 3, 4], 1);
    const none = { hdMm: null, hd95Mm: null, assdMm: null };
    expect(scores.classes).toEqual({
      1: { dice: 1, iou: 1, hdMm: 0, hd95Mm: 0, assdMm: 0, surfaceDice: 1, volumeError: 0 },
      2: { dice: 0, iou: 0, ...none, surfaceDice: 0, volumeError: -1 },
      3: { dice: 0, iou: 0, ...none, surfaceDice: 0, volumeError: null },
      4: { dice: null, iou: null, ...none, surfaceDice: null, volumeError: null },
    });
    expect(scores.dice).toBeCloseTo(1 / 3, 12);
  });

  test('distances are in mm by the affine, or by the spacing given', () => {
    const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2.5, 0, 0, 0, 0, 1];
    const truth: LabelMap = { ...line(1, 0, 0, 0), affine };
    expect(evaluateCase('a', line(0, 0, 1, 0), truth, [1], 1).classes['1']?.hd95Mm).toBe(5);
    expect(evaluateCase('a', line(0, 0, 1, 0), truth, [1], 1, [1, 1, 3]).classes['1']?.hd95Mm).toBe(6);
  });

  test('means are over cases that have a value, and worst names the lowest', () => {
    const good = evaluateCase('good', line(1, 2), line(1, 2), [1, 2], 1);
    const poor = evaluateCase('poor', line(1, 0), line(1, 1), [1, 2], 1);
    const empty = evaluateCase('empty', line(0, 0), line(0, 0), [1, 2], 1);
    const { mean, worst, cases, toleranceMm } = summarize([good, poor, empty], 2);
    expect(toleranceMm).toBe(2);
    expect(cases).toHaveLength(3);
    expect(empty.dice).toBeNull();
    expect(mean.dice).toBeCloseTo((1 + 2 / 3) / 2, 12);
    expect(mean.iou).toBeCloseTo((1 + 1 / 2) / 2, 12);
    expect(mean.classes['1']?.dice).toBeCloseTo((1 + 2 / 3) / 2, 12);
    expect(mean.classes['2']?.dice).toBe(1);
    expect(worst).toEqual({ case: 'poor', dice: poor.dice });
    expect(summarize([empty], 1).worst).toBeNull();
    expect(summarize([], 1).mean.dice).toBeNull();
  });

  test('another shape is refused', () => {
    expect(() => evaluateCase('a', line(1), line(1, 1), [1], 1)).toThrow('case a: the prediction is 1x1x1');
  });
});
