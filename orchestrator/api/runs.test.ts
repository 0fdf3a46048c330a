import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
