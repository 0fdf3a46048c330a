import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CPU, HIPPOCAMPUS, madeUpSummary } from '@voxhelm/algorithms/planning-fixtures';
import { newId } from '@voxhelm/prisma/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestService, type TestService } from './testing/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

test('50 identical submissions at once make one run, which is started once', async () => {
  const payload = { dataset: service.home, name: 'same' };
  const headers = { 'idempotency-key': 'k-50' };
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => service.app.inject({ method: 'POST', url: '/v1/runs', headers, payload })),
  );
  expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(50).fill(202));
  const ids = new Set(answers.map((answer) => answer.json().id));
  expect(ids.size).toBe(1);
});

test('who submitted a run is kept, listed and filtered by; it is no part of the request that a key stands for', async () => {
  const submit = (payload: object, headers = {}) =>
    service.app.inject({ method: 'POST', url: '/v1/runs', headers, payload: { dataset: service.home, ...payload } });
  const made = await submit({ submittedBy: '  Anna B. ' }, { 'idempotency-key': 'k-who' });
  expect(made.json()).toMatchObject({ submittedBy: 'Anna B.' });
  const again = await submit({ submittedBy: 'cron' }, { 'idempotency-key': 'k-who' });
  expect(again.json()).toMatchObject({ id: made.json().id, submittedBy: 'Anna B.' });
  expect((await submit({})).json().submittedBy).toBeNull();
  const listed = (await service.app.inject('/v1/runs?submittedBy=Anna%20B.')).json().items;
  expect(listed.map(({ id }: { id: string }) => id)).toEqual([made.json().id]);
  for (const submittedBy of ['', ' ', 'two\nlines', 'x'.repeat(101)]) {
    const refused = await submit({ submittedBy });
    expect(refused.statusCode).toBe(400);
    expect(refused.json().errors[0]).toMatchObject({ pointer: '/submittedBy' });
  }
  const { schemas } = (await service.app.inject('/v1/openapi.json')).json().components;
  for (const name of ['RunRequestInput', 'RunView']) {
    expect(schemas[name].properties.submittedBy.description).toContain('not authentication');
  }
});

test('a checked dataset that nobody gave a modality is refused at submission, by id and by path, until it has one', async () => {
  const { app, database } = service;
  const path = await mkdtemp(join(tmpdir(), 'voxhelm-unknown-'));
  await mkdir(join(path, 'imagesTr'));
  await writeFile(join(path, 'imagesTr', 'a.nii'), '');
  const id = newId('ds');
  const submit = (payload: object) => app.inject({ method: 'POST', url: '/v1/runs', payload });
  await database.dataset.create({ data: { id, name: 'plain folder', path, workflowStarted: true } });
  // Not checked yet: its run's own check will tell.
  expect((await submit({ dataset: id })).statusCode).toBe(202);
  const analysis = await database.analysis.create({
    data: {
      ...{ id: newId('an'), datasetId: id, owner: `dataset-${id}`, layout: 'folder', fingerprint: '0'.repeat(64) },
      ...{ labels: [], modalities: [], findings: [], errors: 0, warnings: 1, trainingCases: 1, testingCases: 0 },
      ...{ device: {}, check: {} },
    },
  });
  await database.dataset.update({ where: { id }, data: { analysisId: analysis.id, state: 'ready' } });
  for (const dataset of [id, 'plain folder', path]) {
    const refused = await submit({ dataset });
    expect(refused.statusCode).toBe(400);
    expect(refused.json()).toMatchObject({
      errors: [{ pointer: '/modality' }],
      fix: expect.stringContaining('CT, MRI, PET'),
    });
  }
  expect((await submit({ dataset: id, modality: 'MRI' })).statusCode).toBe(202);
  const list = { modality: { 0: 'MRI' }, labels: { 1: 'a' }, training: [{ image: 'imagesTr/a.nii' }] };
  await writeFile(join(path, 'dataset.json'), JSON.stringify(list));
  expect((await submit({ dataset: id })).statusCode).toBe(202);
  await rm(path, { recursive: true });
});

test('what could not be planned for a dataset is refused at submission: by its list, and once it was analysed by its statistics', async () => {
  const { app, database } = service;
  const path = await mkdtemp(join(tmpdir(), 'voxhelm-planned-'));
  await mkdir(join(path, 'imagesTr'));
  await writeFile(join(path, 'imagesTr', 'a.nii'), '');
  const training = [{ image: 'imagesTr/a.nii' }];
  const list = { modality: { 0: 'MRI' }, labels: { 0: 'background', 1: 'head', 2: 'tail' }, training };
  await writeFile(join(path, 'dataset.json'), JSON.stringify(list));
  const submit = async (payload: object) => {
    const answer = await app.inject({ method: 'POST', url: '/v1/runs', payload: { dataset: path, ...payload } });
    return { status: answer.statusCode, ...answer.json() };
  };
  const ratios = await submit({ plan: { classRatios: [1, 2] } });
  expect(ratios).toMatchObject({ status: 400, errors: [{ pointer: '/plan/classRatios' }] });
  expect(ratios.detail).toContain('2 numbers for 3 labels');
  // Nobody knows its statistics yet: its run's own look will tell.
  const odd = { algorithms: ['segresnet'], plan: { patchSize: [33, 47, 32] } };
  expect((await submit(odd)).status).toBe(202);

  const { id } = await database.dataset.findFirstOrThrow({ where: { path } });
  await database.analysis.create({
    data: {
      ...{ id: newId('an'), datasetId: id, owner: `dataset-${id}`, layout: 'decathlon', fingerprint: '0'.repeat(64) },
      ...{ labels: [], modalities: ['MRI'], findings: [], errors: 0, warnings: 0, trainingCases: 10, testingCases: 0 },
      ...{ device: CPU, check: {}, analysis: {}, summary: madeUpSummary(HIPPOCAMPUS) as object },
    },
  });
  expect(await submit(odd)).toMatchObject({
    status: 400,
    errors: [{ pointer: '/plan/patchSize' }],
    fix: expect.stringMatching(/^Use 32 x 48 x 32/),
  });
  // Of algorithms that nobody named, one that can take it is enough.
  expect((await submit({ plan: { patchSize: [64, 64, 32] } })).status).toBe(202);
  expect(await submit({ modality: ['CT', 'PET'] })).toMatchObject({
    status: 400,
    detail: expect.stringContaining("names 2 channels (CT, PET), the dataset's images have 1"),
  });
  expect((await submit({ plan: { classRatios: [1, 2, 2] } })).status).toBe(202);
  await rm(path, { recursive: true });
});

test('what belongs to the preprocessing is no augmentation, and lists that would part image and label say so', async () => {
  const refused = async (augmentation: object) => {
    const payload = { dataset: service.home, plan: { augmentation: [augmentation] } };
    return (await service.app.inject({ method: 'POST', url: '/v1/runs', payload })).json();
  };
  expect((await refused({ name: 'Spacingd', pixdim: [1, 1, 1] })).errors).toEqual([
    { pointer: '/plan/augmentation/0/name', message: expect.stringContaining('it belongs to plan.preprocessing') },
  ]);
  expect((await refused({ name: 'RandCropByPosNegLabeld' })).detail).toContain('plan.patchSize and plan.classRatios');
  expect((await refused({ name: 'Blur' })).detail).toMatch(/unknown name "Blur"; there are flip, .*RandomBiasField/);
  expect((await refused({ name: 'RandFlipp' })).errors).toMatchObject([{ suggestion: 'RandFlipd' }]);
  expect((await refused({ name: 'RandFlipd', keys: ['image'] })).detail).toContain('write ["image", "label"]');
  expect((await refused({ name: 'RandAffined', mode: ['bilinear', 'bilinear'] })).detail).toContain(
    '/plan/augmentation/0/mode: images are sampled trilinearly, labels by the nearest voxel',
  );
});

test('a route that can do without a body takes none, whatever content type is named; one that needs it says what is missing', async () => {
  const post = (url: string, more: object = {}) => service.app.inject({ method: 'POST', url, ...more });
  const path = join(service.home, 'watched');
  await mkdir(join(path, 'imagesTr'), { recursive: true });
  await writeFile(join(path, 'imagesTr', 'a.nii'), '');
  const asked = { dataset: path, paused: true, trigger: { kind: 'interval', every: '1d' } };
  const { id } = (await post('/v1/schedules', { payload: asked })).json();
  expect((await post(`/v1/schedules/${id}/resume`)).json()).toMatchObject({ paused: false, note: null });
  const json = { headers: { 'content-type': 'application/json' } };
  expect((await post(`/v1/schedules/${id}/pause`, json)).json()).toMatchObject({ paused: true, note: null });
  const noted = await post(`/v1/schedules/${id}/pause`, { payload: { note: 'the scanner is changed' } });
  expect(noted.json()).toMatchObject({ paused: true, note: 'the scanner is changed' });
  expect((await post('/v1/runs')).json()).toMatchObject({ status: 400, detail: expect.stringContaining('is missing') });
  const none = (await service.app.inject('/v1/schedules/nosuch')).json();
  expect(none).toMatchObject({ status: 404, fix: expect.stringContaining('voxhelm schedule list') });
});
