import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetView } from '@voxhelm/contracts/api';
import type { PredictionView } from '@voxhelm/contracts/api-predictions';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService } from './testing/service.ts';

/* Trying an ensemble out on a trainer, and corrected masks that go back to the dataset. */

const image = Buffer.from('an image');
const mask = Buffer.from('a corrected mask');
const uploaded = (name: string, content: Buffer) => ({ name, sha256: sha256(content), bytes: content.length });

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** As if it had come by tus. */
async function upload(content: Buffer): Promise<void> {
  const hash = sha256(content);
  const folder = join(service.home, 'uploads', 'content', hash.slice(0, 2));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, hash), content);
}

async function post(url: string, payload: object) {
  return service.app.inject({ method: 'POST', url, payload });
}

test('an uploaded image is segmented by the bundle of the run, and nothing of it stays when it is deleted', async () => {
  await upload(image);
  const { id: runId } = (await post('/v1/runs', { dataset: service.home, name: 'predict' })).json();
  const early = await post(`/v1/runs/${runId}/predictions`, { images: [uploaded('a.nii', image)] });
  expect(early.statusCode).toBe(404);
  const bundle = await service.store.write(`runs/${runId}/bundle.zip`, Buffer.from('zip'));
  await service.database.artifact.create({
    data: { id: 'art_p', runId, kind: 'ensemble-bundle', name: 'bundle.zip', ...bundle },
  });
  const strange = await post(`/v1/runs/${runId}/predictions`, { images: [uploaded('b.nii', Buffer.from('?'))] });
  expect(strange.statusCode).toBe(409);

  const created = await post(`/v1/runs/${runId}/predictions`, { images: [uploaded('a.nii', image)] });
  expect(created.statusCode).toBe(202);
  const { id } = created.json<PredictionView>();
  expect(service.workflows.started).toContain(id);
  const again = await post(`/v1/runs/${runId}/predictions`, { images: [uploaded('a.nii', image)] });
  expect(again.statusCode).toBe(409);
  expect((await service.app.inject({ url: `/v1/predictions/${id}` })).json<PredictionView>().state).toBe('waiting');
  await service.store.write(`predictions/${id}/label.nii.gz`, mask);
  const done = (await service.app.inject({ url: `/v1/predictions/${id}` })).json<PredictionView>();
  expect(done).toMatchObject({ state: 'completed', href: `/v1/predictions/${id}/label` });
  expect((await service.app.inject({ url: done.href ?? '' })).rawPayload).toEqual(mask);

  expect((await service.app.inject({ method: 'DELETE', url: `/v1/predictions/${id}` })).statusCode).toBe(204);
  expect(await service.store.find(`predictions/${id}/image-0`)).toBeNull();
  expect((await service.app.inject({ url: `/v1/predictions/${id}/label` })).statusCode).toBe(404);
});

test('a corrected mask makes a new dataset; the old one keeps its own', async () => {
  await upload(image);
  await upload(mask);
  const folder = join(service.home, 'mine');
  const paths = ['image-a.nii.gz', 'label-a.nii.gz', 'image-t.nii.gz', 'image-u.nii.gz'].map((name) =>
    join(folder, name),
  );
  await mkdir(folder);
  for (const path of paths) await writeFile(path, `first ${path}`);
  const [imageA = '', labelA = '', imageT = '', imageU = ''] = paths;
  const { id } = (await post('/v1/datasets', { path: folder, name: 'mine' })).json<DatasetView>();
  const correct = (body: object) => post(`/v1/datasets/${id}/corrections`, body);
  const correction = { caseId: 'a', label: uploaded('a_label.nii.gz', mask) };
  expect((await correct(correction)).statusCode).toBe(409);
  const cases = [
    { caseId: 'a', role: 'training', images: [imageA], label: labelA, fold: 1, patient: 'p' },
    { caseId: 't', role: 'testing', images: [imageT], label: null },
    { caseId: 'u', role: 'unlabelled', images: [imageU], label: null },
  ];
  await service.database.analysis.create({
    data: {
      id: 'an_mine',
      datasetId: id,
      owner: `dataset-${id}`,
      layout: 'folder',
      fingerprint: sha256(image),
      labels: [
        { value: 0, name: 'background' },
        { value: 2, name: 'liver' },
      ],
      modalities: ['CT'],
      findings: [],
      errors: 0,
      warnings: 0,
      trainingCases: 1,
      testingCases: 1,
      device: {},
      check: {},
      cases: { create: cases.map((one, position) => ({ ...one, position, valid: true })) },
    },
  });
  await service.database.dataset.update({ where: { id }, data: { analysisId: 'an_mine', state: 'ready' } });

  const answers = [await correct(correction), await correct(correction)];
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([202, 202]);
  const [made, again] = answers.map((answer) => answer.json<DatasetView>()) as [DatasetView, DatasetView];
  expect(again.id).toBe(made.id);
  expect(made.name).toBe('mine, a corrected');
  expect(JSON.parse(await readFile(join(made.path, 'dataset.json'), 'utf8'))).toEqual({
    name: 'mine',
    modality: { 0: 'CT' },
    labels: { 0: 'background', 2: 'liver' },
    training: [{ image: 'images/a.nii.gz', label: 'labels/a.nii.gz', fold: 1, patient: 'p' }],
    test: [{ image: 'images/t.nii.gz' }],
  });
  expect(await readFile(join(made.path, 'labels', 'a.nii.gz'))).toEqual(mask);
  // A case that waits for its label waits on.
  expect(await readFile(join(made.path, 'imagesUn', 'u.nii.gz'), 'utf8')).toBe(`first ${imageU}`);
  expect(await readFile(labelA, 'utf8')).toBe(`first ${labelA}`);

  const missing = await correct({ ...correction, caseId: 'new' });
  expect(missing.statusCode).toBe(400);
  expect(missing.json()).toMatchObject({ errors: [{ pointer: '/images' }] });
  const added = await correct({ ...correction, caseId: 'new', images: [uploaded('n.nii.gz', image)] });
  const text = await readFile(join(added.json<DatasetView>().path, 'dataset.json'), 'utf8');
  expect(JSON.parse(text).training).toHaveLength(2);
});
