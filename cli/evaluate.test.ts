import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeNifti } from '@voxhelm/imaging/nifti';
import { IDENTITY_AFFINE } from '@voxhelm/imaging/volume';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { evaluate, metricsOf } from './commands/evaluate.ts';

/* Which metrics `evaluate` computes, and what its report says of those that it leaves out. */

let pred = '';
let labels = '';
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-cli-evaluate-'));
  [pred, labels] = [join(folder, 'pred'), join(folder, 'labels')];
  const map = (...values: number[]) =>
    ({ shape: [1, 1, values.length], data: Uint8Array.from(values), affine: IDENTITY_AFFINE }) as const;
  await writeNifti(join(pred, 'a.nii'), map(1, 1, 0, 0));
  await writeNifti(join(labels, 'a.nii'), map(1, 0, 0, 0));
  return () => rm(folder, { recursive: true });
});
afterEach(() => vi.restoreAllMocks());

async function said(options: { metrics?: string; toleranceMm?: string; json?: true }): Promise<string> {
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
