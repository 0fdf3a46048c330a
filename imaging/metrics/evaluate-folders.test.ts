import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeNifti } from '../nifti.ts';
import { IDENTITY_AFFINE, type LabelMap } from '../volume.ts';
import { evaluateFolders } from './evaluate-folders.ts';

const line = (...values: number[]): LabelMap => ({
  shape: [1, 1, values.length],
  data: Uint8Array.from(values),
  affine: IDENTITY_AFFINE,
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

  test('all faults are told at once, each with what to do, and many as a number', async () => {
    const [pred, labels] = [join(folder, 'faulty-pred'), join(folder, 'faulty-labels')];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      await write(`faulty-pred/${name}.nii`, line(1, 0));
      await write(`faulty-labels/${name}.nii`, line(1, 0));
    }
    const negative = { ...line(), shape: [1, 1, 2] as const, data: Int32Array.of(-2, 1) };
    await write('faulty-pred/a.nii', line(1, 0, 0));
    await writeFile(join(pred, 'b.nii'), 'no image');
    await write('faulty-pred/d.nii', { ...line(1, 0), affine: [1, 0, 0, 3, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] });
    await write('faulty-labels/d.nii', negative);
    await write('faulty-pred/alone.nii', line(1));
    await write('faulty-pred/e.nii.gz', line(1, 0));
    const { message, code } = await thrownBy(pred, labels);
    expect(code).toBe('invalid-request');
    expect(message).toContain('nothing is scored: the files have 6 faults\n');
    const told = [/e\.nii and .*e\.nii\.gz are the same case/, /pred.alone\.nii has no label/, /pred.a\.nii has 1x1x3/];
    for (const fault of [
      ...told,
      /pred.b\.nii: has 8 bytes/,
      /labels.d\.nii: .*-2 \(1 voxel\)/,
      /d\.nii lies elsewhere/,
    ]) {
      expect(message).toMatch(fault);
    }
    expect(message).toContain("\n    Bring the prediction to the label's grid.\n");
    for (let index = 0; index < 20; index++) await write(`faulty-pred/z${index}.nii`, line(1));
    const many = await thrownBy(pred, labels);
    expect(many.message).toMatch(/✗ .*z14\.nii has no label.*\n… and 13 more such\n {4}Give both/);
    expect(many.message).toMatch(/d\.nii lies elsewhere/);
    expect(many.details['faults']).toHaveLength(26);
  });

  async function thrownBy(pred: string, labels: string): Promise<VoxhelmError> {
    const thrown = await evaluateFolders(pred, labels, 1).catch((error: unknown) => error);
    if (thrown instanceof VoxhelmError) return thrown;
    throw new Error('nothing was refused');
  }

  test('values that are no label values are told with their file', async () => {
    const [pred, labels] = [join(folder, 'values-pred'), join(folder, 'values-labels')];
    await write('values-pred/a.nii', { ...line(), shape: [1, 1, 4], data: Int32Array.of(-2, 1, -2, 70_000) });
    await write('values-labels/a.nii', line(1, 1, 0, 0));
    await expect(evaluateFolders(pred, labels, 1)).rejects.toThrow(
      /values-pred\/a\.nii: holds label values below 0: -2 \(2 voxels\); above 65535: 70000 \(1 voxel\)/,
    );
    await write('values-pred/a.nii', line(1, 1, 0, 0));
    const image = Int32Array.from({ length: 4 }, (_, index) => -1024 + index);
    await write('values-labels/a.nii', { ...line(), shape: [1, 1, 4], data: image });
    await expect(evaluateFolders(pred, labels, 1)).rejects.toThrow(
      /values-labels\/a\.nii: .* -1024 \(1 voxel\), -1023/,
    );
  });

  test('what is not chosen is neither computed nor told', async () => {
    const [pred, labels] = [join(folder, 'chosen-pred'), join(folder, 'chosen-labels')];
    await write('chosen-pred/a.nii', line(1, 1, 0, 0));
    await write('chosen-labels/a.nii', line(1, 0, 0, 2));
    await write('chosen-pred/b.nii', line(1, 1));
    await write('chosen-labels/b.nii', line(1, 1));
    const none = { dice: null, iou: null };
    expect(await evaluateFolders(pred, labels, 1, { metrics: ['iou', 'dice'] })).toEqual({
      metrics: ['dice', 'iou'],
      cases: [
        { case: 'a', classes: { 1: { dice: 2 / 3, iou: 1 / 2 }, 2: { dice: 0, iou: 0 } }, dice: 1 / 3 },
        { case: 'b', classes: { 1: { dice: 1, iou: 1 }, 2: none }, dice: 1 },
      ],
      mean: {
        ...{ dice: 2 / 3, iou: 5 / 8 },
        classes: { 1: { dice: expect.closeTo(5 / 6, 12), iou: 3 / 4 }, 2: { dice: 0, iou: 0 } },
      },
      worst: { case: 'a', dice: 1 / 3 },
    });
    expect(await evaluateFolders(pred, labels, 2, { metrics: ['hd95'] })).toEqual({
      metrics: ['hd95'],
      cases: [
        { case: 'a', classes: { 1: { hd95Mm: expect.closeTo(0.95, 6) }, 2: { hd95Mm: null } } },
        { case: 'b', classes: { 1: { hd95Mm: 0 }, 2: { hd95Mm: null } } },
      ],
      mean: {
        hd95Mm: expect.closeTo(0.475, 6),
        over: { of: 3, hd95Mm: 2 },
        classes: { 1: { hd95Mm: expect.closeTo(0.475, 6) }, 2: { hd95Mm: null, over: { of: 1, hd95Mm: 0 } } },
      },
    });
    const { metrics, cases, ...whole } = await evaluateFolders(pred, labels, 2);
    expect(metrics).toEqual(['dice', 'iou', 'hd', 'hd95', 'assd', 'surface-dice']);
    expect(whole).toMatchObject({ toleranceMm: 2, worst: { case: 'a' }, mean: { surfaceDice: 0.75 } });
    expect(cases[0]?.classes['1']).toMatchObject({ dice: 2 / 3, volumeError: 1 });
  });

  test('a folder that is missing or holds no label map is refused', async () => {
    await expect(evaluateFolders(join(folder, 'nowhere'), folder, 1)).rejects.toThrow('no folder that can be read');
    await expect(evaluateFolders(folder, folder, 1)).rejects.toThrow('holds no .nii');
  });
});
