import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SuggestJob } from '@voxhelm/contracts/jobs';
import { readLabel, writeNifti } from '@voxhelm/imaging/nifti';
import { folderStore, writeJson } from '@voxhelm/storage/artifact-store';
import { afterAll, expect, test } from 'vitest';
import { readBundle } from './bundle-read.ts';
import { writeBundle } from './bundle-write.ts';
import { loadEnsemble } from './ensemble-predictor.ts';
import { suggestCases } from './suggest.ts';
import { tinyBundle, tinyPlan } from './testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'voxhelm-suggest-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('of each case at the head of the list stands what the members predict together, and where they are unsure', async () => {
  const store = folderStore(join(folder, 'artifacts'));
  const plan = tinyPlan({ filters: 2 });
  const made = tinyBundle([plan, { ...plan, fold: 1 }]);
  const path = join(folder, 'bundle.zip');
  await writeBundle(path, made.draft, made.files);
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const shape = [20, 24, 16] as const;
  const data = Float32Array.from({ length: 20 * 24 * 16 }, (_, i) => 1 + ((i * 7919) % 101));
  const image = { shape, channels: 1, data, affine };
  const place = join(folder, 'u.nii.gz');
  await writeNifti(place, image);
  const cases = ['u1', 'u2'].map((caseId) => ({ caseId, images: [place], label: null, fold: null }));
  const job: SuggestJob = {
    kind: 'suggest',
    bundle: await store.writeFile('bundle.zip', path),
    cases: await writeJson(store, 'unlabelled.json', cases),
    labelled: await writeJson(store, 'labelled.json', []),
    artifactPrefix: 'maps',
  };
  const watch = { step: () => undefined };
  const { cases: order } = await suggestCases(job, store, watch);
  expect(order.map(({ maps }) => maps)).toEqual([true, true]);

  const { manifest, weights } = await readBundle(path);
  const members = manifest.members.map((member, i) => ({ plan: member.plan, weights: weights[i] as Uint8Array }));
  const ensemble = loadEnsemble(members, { mode: 'mean', flips: [], largestComponent: [] }, plan.labels);
  const together = await ensemble.predict(image);
  ensemble.dispose();
  const mapOf = async (name: string) => {
    const ref = await store.find(`maps/${name}`);
    if (ref === null) throw new Error(`no ${name}`);
    const copy = join(folder, name);
    await writeFile(copy, await store.read(ref));
    return readLabel(copy);
  };
  expect((await mapOf('u1.nii.gz')).data).toEqual(together.data);
  const entropy = await mapOf('u2.entropy.nii.gz');
  expect(entropy.shape).toEqual(shape);
  expect(Math.max(...entropy.data)).toBeGreaterThan(0);

  const { artifactPrefix: _, ...earlier } = job;
  expect((await suggestCases(earlier, store, watch)).cases.map(({ maps }) => maps)).toEqual([false, false]);
});
