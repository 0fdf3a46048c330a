import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeNifti } from '@voxhelm/imaging/nifti';
import { IDENTITY_AFFINE, type LabelMap } from '@voxhelm/imaging/volume';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { evaluate, metricsOf } from './commands/evaluate.ts';

/* Which metrics `evaluate` computes, and what its report says of what it leaves out or turns. */

let root = '';
let pred = '';
let labels = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'voxhelm-cli-evaluate-'));
  [pred, labels] = [join(root, 'pred'), join(root, 'labels')];
  await writeNifti(join(pred, 'a.nii'), map(1, 1, 0, 0));
  await writeNifti(join(labels, 'a.nii'), map(1, 0, 0, 0));
  return () => rm(root, { recursive: true });
});
afterEach(() => vi.restoreAllMocks());

function map(...values: number[]): LabelMap {
  return { shape: [1, 1, values.length], data: Uint8Array.from(values), affine: IDENTITY_AFFINE };
}

async function said(options: Partial<Parameters<typeof evaluate>[0]>): Promise<string> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await evaluate({ pred, labels, ...options });
  return write.mock.calls.map(([text]) => String(text)).join('');
}

test('a report has the columns that were chosen and names what was not computed', async () => {
  const few = await said({ metrics: 'Dice, iou' });
  expect(few).toMatch(/case .* class .* Dice .* IoU /);
  expect(few).toMatch(/ a .* 1 .* 0\.667 .* 0\.500 /);
  expect(few).toContain('not computed: HD, HD95, ASSD, surface Dice\n');
  expect(few.split('not computed')[0]).not.toMatch(/HD|ASSD|surface|–/);
  vi.restoreAllMocks();
  const all = await said({ toleranceMm: '2' });
  expect(all).toMatch(/Dice .* IoU .* HD .* HD95 .* ASSD .* surface Dice 2 mm /);
  expect(all).not.toContain('not computed');
});

test('as JSON it has the metrics and no field of another', async () => {
  const only = JSON.parse(await said({ metrics: 'surface-dice', json: true })) as unknown;
  expect(only).toEqual({
    metrics: ['surface-dice'],
    toleranceMm: 1,
    cases: [{ case: 'a', classes: { 1: { surfaceDice: 1 } } }],
    mean: { surfaceDice: 1, classes: { 1: { surfaceDice: 1 } } },
  });
});

test('a mean without the classes that were missed says over how many it is', async () => {
  const folders = { pred: join(root, 'missed-pred'), labels: join(root, 'missed-labels') };
  await writeNifti(join(folders.pred, 'a.nii'), map(1, 1, 0, 0));
  await writeNifti(join(folders.labels, 'a.nii'), map(1, 0, 2, 2));
  await writeNifti(join(folders.pred, 'b.nii'), map(1, 0, 0, 0));
  await writeNifti(join(folders.labels, 'b.nii'), map(1, 0, 0, 0));
  const report = await said(folders);
  expect(report).toMatch(/ mean .* all .* 0\.667 .* 0\.50 mm, 2 of 3 .* mm, 2 of 3 .* mm, 2 of 3 /);
  expect(report).not.toMatch(/0\.\d{3}, /);
  expect(report).toContain('HD, HD95, ASSD: a class that prediction or label lacks altogether has no distance');
  vi.restoreAllMocks();
  const { mean } = JSON.parse(await said({ ...folders, metrics: 'dice,hd', json: true })) as { mean: unknown };
  expect(mean).toEqual({
    ...{ dice: expect.closeTo(2 / 3, 12), hdMm: 0.5, over: { of: 3, hdMm: 2 } },
    classes: {
      1: { dice: expect.closeTo(5 / 6, 12), hdMm: 0.5 },
      2: { dice: 0, hdMm: null, over: { of: 1, hdMm: 0 } },
    },
  });
  vi.restoreAllMocks();
  expect(await said({})).not.toContain(' of ');
});

test('a prediction that was turned is named', async () => {
  const turned = join(root, 'turned');
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1, 3, 0, 0, 0, 1];
  await writeNifti(join(turned, 'a.nii'), { ...map(0, 0, 0, 1), affine });
  const report = await said({ pred: turned, metrics: 'dice' });
  expect(report).toMatch(/ mean .* 1\.000 /);
  expect(report).toContain("turned to the label's axes, which run in another order or direction: a\n");
});

test('a name that is no metric is refused with the nearest', () => {
  expect(metricsOf('HD95,dice')).toEqual(['hd95', 'dice']);
  expect(() => metricsOf('dice,surfacedice,volume')).toThrow(
    '--metrics: there is no metric "surfacedice" (did you mean "surface-dice"?), there is no metric "volume"',
  );
  expect(() => metricsOf(' ,')).toThrow('--metrics: names none');
});

test('a tolerance without the surface Dice is refused before anything is read', async () => {
  const options = { pred: '/nowhere', labels, metrics: 'dice', toleranceMm: '2' };
  await expect(evaluate(options)).rejects.toThrow('--tolerance-mm is of the surface Dice, which --metrics leaves out');
  await expect(evaluate({ ...options, metrics: 'surface-dice', toleranceMm: '-1' })).rejects.toThrow(
    'no distance in mm',
  );
});
