import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkCase } from './datasets/check-case.ts';
import { IGNORED_CLASS, withoutIgnored } from './ignored.ts';
import { preprocessLabel } from './preprocess.ts';
import { makeNifti } from './testing/make-nifti.ts';
import { indexClasses } from './transforms/crop-centres.ts';
import { IDENTITY_AFFINE, type LabelMap } from './volume.ts';

const map = (...values: number[]): LabelMap => ({
  shape: [values.length, 1, 1],
  affine: IDENTITY_AFFINE,
  data: Uint8Array.from(values),
});
const labels = [
  { value: 0, name: 'background' },
  { value: 4, name: 'liver' },
];
const preprocessing = { spacingMm: null, normalization: [] };

test('in training an unlabelled voxel has an index beyond every class, and no patch is centred on it', () => {
  const classes = preprocessLabel(map(0, 4, 9, 4), preprocessing, labels, 9);
  expect([...classes]).toEqual([0, 1, IGNORED_CLASS, 1]);
  expect(indexClasses(classes, 2).map((voxels) => [...voxels])).toEqual([[0], [1, 3]]);
  expect(() => preprocessLabel(map(0, 9), preprocessing, labels)).toThrow(/label value 9/);
});

test('in scores what is predicted where nobody labelled does not count', () => {
  expect([...withoutIgnored(map(4, 4, 0, 4), map(4, 9, 9, 0), 9).data]).toEqual([4, 0, 0, 4]);
  const prediction = map(4, 4);
  expect(withoutIgnored(prediction, map(4, 0), 9)).toBe(prediction);
  expect(withoutIgnored(prediction, map(4, 0), null)).toBe(prediction);
});

test('the check takes the value, and statistics take its voxels for background', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-ignored-'));
  const [image, label] = ['image.nii', 'label.nii'].map((name) => join(folder, name)) as [string, string];
  await writeFile(image, makeNifti({ dims: [4, 1, 1], values: [1, 2, 3, 4], datatype: 'float32' }));
  await writeFile(label, makeNifti({ dims: [4, 1, 1], values: [0, 4, 9, 9], datatype: 'uint8' }));
  const task = { role: 'training' as const, case: { caseId: 'c', images: [image], label }, labelValues: [0, 4] };
  const outcome = checkCase({ ...task, ignoreLabel: 9 });
  expect(outcome.findings).toEqual([]);
  expect(outcome.statistics?.label_stats.labels).toEqual([0, 4]);
  expect(outcome.statistics?.image_foreground_stats.intensity[0]).toMatchObject({ min: 2, max: 2 });
  expect(checkCase(task).findings.map(({ code }) => code)).toEqual(['label-outside-set']);
  await rm(folder, { recursive: true });
});
