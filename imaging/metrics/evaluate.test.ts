import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeNifti } from '../nifti.ts';
import { IDENTITY_AFFINE, type LabelMap } from '../volume.ts';
import { countOverlap, diceByClass, iouOf, type Overlap } from './dice.ts';
import { evaluateCase, evaluateFolders, summarize } from './evaluate.ts';

const line = (...values: number[]): LabelMap => ({
  shape: [1, 1, values.length],
  data: Uint8Array.from(values),
  affine: IDENTITY_AFFINE,
});

describe('diceByClass', () => {
  test('is symmetric, within 0..1, 1 for equal maps, and the formula of the counted sets', () => {
    const maps = fc
      .integer({ min: 1, max: 40 })
      .chain((length) => fc.tuple(...[0, 1].map(() => fc.array(fc.nat(3), { minLength: length, maxLength: length }))));
    fc.assert(
      fc.property(maps, ([a = [], b = []]) => {
        const forward = diceByClass(a, b, [1, 2, 3]);
        expect(diceByClass(b, a, [1, 2, 3])).toEqual(forward);
        for (const [value, dice] of forward) {
          const inA = a.filter((x) => x === value).length;
          const inB = b.filter((x) => x === value).length;
          const both = a.filter((x, i) => x === value && b[i] === value).length;
          if (inA + inB === 0) expect(dice).toBeNull();
          else expect(dice).toBeCloseTo((2 * both) / (inA + inB), 12);
          const iou = iouOf(countOverlap(a, b, [value])[0] as Overlap);
          if (dice !== null) expect(iou).toBeCloseTo(dice / (2 - dice), 12);
        }
        for (const dice of diceByClass(a, a, [1, 2, 3]).values()) expect([1, null]).toContain(dice);
      }),
    );
  });

  test('counts only the values asked for, in their order, and refuses maps of other lengths', () => {
    expect([...diceByClass([5, 9, 7, 0], [5, 9, 0, 7], [9, 5])]).toEqual([
      [9, 1],
      [5, 1],
    ]);
    expect(() => diceByClass([0], [0, 0], [1])).toThrow('1 voxels, its truth 2');
    expect(() => diceByClass([0], [0], [-1])).toThrow('label value -1');
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

describe('evaluateFolders', () => {
  let folder = '';
  const write = (path: string, map: LabelMap): Promise<void> => writeNifti(join(folder, path), map);
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'voxhelm-evaluate-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  test('pairs .nii with .nii.gz by name and gives every case the classes of all', async () => {
    for (const name of ['pred', 'labels']) await mkdir(join(folder, name));
    await write('pred/a.nii', line(1, 0));
    await write('labels/a.nii.gz', line(1, 1));
    await write('pred/b.nii.gz', line(4, 0));
    await write('labels/b.nii.gz', line(4, 0));
    await writeFile(join(folder, 'pred/._b.nii.gz'), 'left by macOS');
    const result = await evaluateFolders(join(folder, 'pred'), join(folder, 'labels'), 1);
    expect(result.cases.map((scores) => [scores.case, Object.keys(scores.classes), scores.dice])).toEqual([
      ['a', ['1', '4'], 2 / 3],
      ['b', ['1', '4'], 1],
    ]);
    expect(result.worst?.case).toBe('a');
  });

  test('lists every file without a partner', async () => {
    await write('pred/only-pred.nii', line(1));
    await write('labels/only-label.nii', line(1));
    await expect(evaluateFolders(join(folder, 'pred'), join(folder, 'labels'), 1)).rejects.toThrow(
      /only-pred\.nii has no label(.|\n)*only-label\.nii has no prediction/,
    );
    await rm(join(folder, 'pred/only-pred.nii'));
    const subset = await evaluateFolders(join(folder, 'pred'), join(folder, 'labels'), 1, { subset: true });
    expect(subset.cases.map((scores) => scores.case)).toEqual(['a', 'b']);
    await rm(join(folder, 'labels/only-label.nii'));
  });

  test('a prediction under its nnU-Net image name finds its label, once', async () => {
    const [pred, labels] = [join(folder, 'nnunet-pred'), join(folder, 'nnunet-labels')];
    for (const path of [pred, labels]) await mkdir(path);
    await write('nnunet-pred/brats_0007_0000.nii', line(1));
    await write('nnunet-labels/brats_0007.nii.gz', line(1));
    expect((await evaluateFolders(pred, labels, 1)).cases.map((scores) => scores.case)).toEqual(['brats_0007']);
    await write('nnunet-pred/brats_0007.nii', line(1));
    await expect(evaluateFolders(pred, labels, 1)).rejects.toThrow('is a second prediction of');
  });

  test('names the file whose shape or affine is another', async () => {
    await write('pred/c.nii', line(1, 1, 1));
    await write('labels/c.nii', line(1, 1));
    await expect(evaluateFolders(join(folder, 'pred'), join(folder, 'labels'), 1)).rejects.toThrow(
      /pred\/c\.nii has 1x1x3/,
    );
    await write('pred/c.nii', { ...line(1, 1), affine: [1, 0, 0, 3, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] });
    await expect(evaluateFolders(join(folder, 'pred'), join(folder, 'labels'), 1)).rejects.toThrow(
      /corner 3\.000 mm apart/,
    );
  });

  test('a folder that is missing or holds no label map is refused', async () => {
    await expect(evaluateFolders(join(folder, 'nowhere'), folder, 1)).rejects.toThrow('no folder that can be read');
    await expect(evaluateFolders(folder, folder, 1)).rejects.toThrow('holds no .nii');
  });
});
