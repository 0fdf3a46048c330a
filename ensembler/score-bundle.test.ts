import { copyFileSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrainingCase } from '@voxhelm/contracts/jobs';
import { hashFiles } from '@voxhelm/imaging/datasets/check-case';
import { readLabel } from '@voxhelm/imaging/nifti';
import { writeNifti } from '@voxhelm/imaging/nifti-write';
import { folderStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { writeBundle } from './bundle-write.ts';
import { scoreBundle } from './score-bundle.ts';
import { tinyBundle, tinyPlan } from './testing.ts';

const samples = join(import.meta.dirname, '..', 'samples', 'hippocampus');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-score-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a score comes with the hash of the files that it was made from; files that change meanwhile are no score', async () => {
  const store = folderStore(join(folder, 'artifacts'));
  const path = join(folder, 'bundle.zip');
  const { draft, files } = tinyBundle([tinyPlan({ patchSize: [40, 56, 40] })]);
  await writeBundle(path, draft, files);
  const names = (await readdir(join(samples, 'labelsTr'))).sort();
  const label = join(folder, 'label.nii.gz');
  await copyFile(join(samples, 'labelsTr', names[0] ?? ''), label);
  const one: TrainingCase = {
    caseId: 'a',
    images: [join(samples, 'imagesTr', names[0] ?? '')],
    label,
    fold: null,
  };
  const job = {
    kind: 'score' as const,
    bundle: await store.writeFile('bundle', path),
    cases: await writeJson(store, 'cases.json', [one]),
    artifactPrefix: 'scores',
  };
  const watch = { step: () => undefined };
  const { hashes } = await scoreBundle(job, store, watch);
  if (hashes === undefined) throw new Error('no hashes');
  const told = await readJson(store, hashes, z.record(z.string(), z.string()));
  expect(told).toEqual({ a: hashFiles({ images: one.images, label }) });

  const other = join(folder, 'other.nii.gz');
  const { data, ...grid } = await readLabel(label);
  await writeNifti(other, { ...grid, data: data.map((value) => (value === 2 ? 1 : value)) });
  // Once the file is hashed, before the label is read.
  const corrected = { step: () => queueMicrotask(() => copyFileSync(other, label)) };
  await expect(scoreBundle(job, store, corrected)).rejects.toMatchObject({
    code: 'storage',
    message: 'the files of a changed while they were scored',
  });
});
