import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Problem } from '@voxhelm/contracts/api';
import type { LabelChangeView, LabelGiven } from '@voxhelm/contracts/api-labels';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import { makeNifti } from '@voxhelm/imaging/testing/make-nifti';
import { newId } from '@voxhelm/prisma/ids';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { hashOf } from './label-files.ts';
import { startTestService, type TestService } from './testing/service.ts';

/* Labels and cases that go into a dataset itself: a real folder, real NIfTI files, a real database. */

let service: TestService;
let folder: string;
let dataset: string;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

const DIMS = [3, 4, 2];
let made = 0;
/** An image unlike any other. */
function image(): Buffer {
  made += 1;
  const values = Array.from({ length: 24 }, (_, index) => index + made * 0.01);
  return gzipSync(makeNifti({ dims: DIMS, values, datatype: 'float32' }));
}
/** A label map of the classes 1 and 2 that differs with `shift`. */
function mask(shift: number, facts: { dims?: number[]; value?: number } = {}): Buffer {
  const { dims = DIMS, value } = facts;
  const length = dims.reduce((product, size) => product * size, 1);
  const values = Array.from({ length }, (_, index) => value ?? (index + shift) % 3);
  return gzipSync(makeNifti({ dims, values, datatype: 'uint8' }));
}

beforeEach(async () => {
  folder = await mkdtemp(join(service.home, 'watched-'));
  for (const place of ['imagesTr', 'labelsTr', 'imagesTs', 'labelsTs', 'imagesUn']) await mkdir(join(folder, place));
  const entries = ['a', 'b'].map((name) => ({ image: `imagesTr/${name}.nii.gz`, label: `labelsTr/${name}.nii.gz` }));
  const test = [{ image: 'imagesTs/t.nii.gz', label: 'labelsTs/t.nii.gz' }, 'imagesTs/nolabel.nii.gz'];
  const list = { modality: { 0: 'MRI' }, labels: { 0: 'background', 1: 'head', 2: 'tail' }, training: entries, test };
  await writeFile(join(folder, 'dataset.json'), JSON.stringify(list));
  const images = ['imagesTr/a', 'imagesTr/b', 'imagesTs/t', 'imagesTs/nolabel', 'imagesUn/u'];
  for (const name of images) await writeFile(join(folder, `${name}.nii.gz`), image());
  for (const name of ['labelsTr/a', 'labelsTr/b', 'labelsTs/t'])
    await writeFile(join(folder, `${name}.nii.gz`), mask(0));
  const answer = await service.app.inject({ method: 'POST', url: '/v1/datasets', payload: { path: folder } });
  dataset = answer.json<{ id: string }>().id;
});

/** As if it had come by tus. */
async function upload(name: string, content: Buffer) {
  const sha256 = hashOf(content);
  const place = join(service.home, 'uploads', 'content', sha256.slice(0, 2));
  await mkdir(place, { recursive: true });
  await writeFile(join(place, sha256), content);
  return { name, sha256, bytes: content.length };
}

async function give(caseId: string, content: Buffer, more: object = {}) {
  const label = await upload('mask.nii.gz', content);
  const url = `/v1/datasets/${dataset}/cases/${caseId}/label`;
  const { statusCode, json } = await service.app.inject({ method: 'PUT', url, payload: { label, ...more } });
  return { status: statusCode, body: json<LabelGiven & Problem>() };
}

async function add(caseId: string, images: Buffer[], label?: Buffer) {
  const payload = {
    caseId,
    images: await Promise.all(images.map((content, i) => upload(`${caseId}_${i}.nii.gz`, content))),
    ...(label === undefined ? {} : { label: await upload('mask.nii.gz', label) }),
  };
  const { statusCode, json } = await service.app.inject({
    method: 'POST',
    url: `/v1/datasets/${dataset}/cases`,
    payload,
  });
  return { status: statusCode, body: json<LabelGiven & Problem>() };
}

const log = async (): Promise<LabelChangeView[]> =>
  (await service.app.inject({ url: `/v1/datasets/${dataset}/labels` })).json<{ items: LabelChangeView[] }>().items;
const file = (path: string): Promise<Buffer> => readFile(join(folder, path));
const trainingIds = async (): Promise<string[]> => (await readDatalist(folder)).training.map(({ caseId }) => caseId);

test('an unlabelled case that gets its label is a training case', async () => {
  const given = mask(1);
  const { status, body } = await give('u', given, { note: 'drawn by hand' });
  expect(status, JSON.stringify(body)).toBe(200);
  expect(await file('labelsTr/u.nii.gz')).toEqual(given);
  expect(await trainingIds()).toEqual(['a', 'b', 'u']);
  expect(await log()).toMatchObject([
    {
      caseId: 'u',
      kind: 'label-added',
      role: 'unlabelled',
      previousSha256: null,
      note: 'drawn by hand',
      by: 'command',
    },
  ]);
});

test('a corrected label takes the place of the earlier one, which is kept by its content; the same again changes nothing', async () => {
  const [before, first, second] = [mask(0), mask(1), mask(2)];
  expect((await give('a', first)).status).toBe(200);
  expect((await give('a', second)).status).toBe(200);
  expect(await file('labelsTr/a.nii.gz')).toEqual(second);
  for (const version of [before, first, second])
    expect(await file(`labelVersions/a/${hashOf(version)}.nii.gz`)).toEqual(version);
  const again = await give('a', second);
  expect(again.body).toMatchObject({ message: 'a has this label already.', change: null });
  const entries = await log();
  expect(entries.map(({ kind, sha256, previousSha256 }) => [kind, sha256, previousSha256])).toEqual([
    ['label-corrected', hashOf(second), hashOf(first)],
    ['label-corrected', hashOf(first), hashOf(before)],
  ]);
  const [{ id } = { id: '' }] = entries;
  await expect(service.database.labelChange.update({ where: { id }, data: { note: 'x' } })).rejects.toThrow(
    'kept for ever',
  );
  await expect(service.database.labelChange.delete({ where: { id } })).rejects.toThrow('kept for ever');
});

test.each([
  ['another grid', mask(0, { dims: [3, 4, 3] }), 'shape-mismatch'],
  ['a value that is no class', mask(0, { value: 7 }), 'label-outside-set'],
  ['no foreground', mask(0, { value: 0 }), 'label-empty'],
  ['no image at all', Buffer.from('a picture'), 'unreadable'],
])('a label with %s is refused and nothing changes', async (_, content, code) => {
  const { status, body } = await give('a', content);
  expect(status).toBe(422);
  expect(body.findings?.map((finding) => [finding.code, finding.file])).toEqual([[code, 'mask.nii.gz']]);
  expect(body.detail).not.toContain(service.home);
  expect(await file('labelsTr/a.nii.gz')).toEqual(mask(0));
  expect(await log()).toEqual([]);
  expect(await readdir(folder)).not.toContain('labelVersions');
});

test('what models are judged by changes only where it is meant, and not while they are compared', async () => {
  await service.database.comparisonCase.create({ data: { datasetId: dataset, caseId: 'b', sha256: hashOf(mask(0)) } });
  for (const caseId of ['b', 't']) {
    const { status, body } = await give(caseId, mask(1));
    expect(status).toBe(409);
    expect(body.fix).toContain('--held-out');
  }
  expect(await log()).toEqual([]);
  const scheduleId = newId('sch');
  await service.database.schedule.create({ data: { id: scheduleId, name: 'watch', datasetId: dataset, settings: {} } });
  const firing = { id: newId('fir'), scheduleId, workflowKey: scheduleId, scheduledAt: new Date(), state: 'comparing' };
  await service.database.firing.create({ data: firing });
  expect((await give('b', mask(1), { heldOut: true })).body.detail).toContain(firing.id);
  await service.database.firing.update({ where: { id: firing.id }, data: { state: 'kept' } });
  for (const caseId of ['b', 't']) expect((await give(caseId, mask(1), { heldOut: true })).status).toBe(200);
  expect((await log()).map(({ caseId, role }) => [caseId, role])).toEqual([
    ['t', 'testing'],
    ['b', 'comparison'],
  ]);
});

test('a case that is not there, or has no place for a label, says so', async () => {
  expect((await give('strange', mask(1))).status).toBe(404);
  const { status, body } = await give('nolabel', mask(1), { heldOut: true });
  expect([status, body.detail]).toEqual([409, expect.stringContaining('names no label for nolabel')]);
});

test('a change that died between its log and its file is completed by the same request, and told once', async () => {
  const [before, given] = [mask(0), mask(1)];
  await mkdir(join(folder, 'labelVersions', 'a'), { recursive: true });
  for (const version of [before, given])
    await writeFile(join(folder, 'labelVersions', 'a', `${hashOf(version)}.nii.gz`), version);
  const row = { caseId: 'a', kind: 'label-corrected', role: 'training', by: 'command' };
  const hashes = { sha256: hashOf(given), previousSha256: hashOf(before) };
  await service.database.labelChange.create({ data: { id: newId('lab'), datasetId: dataset, ...row, ...hashes } });
  expect((await give('a', given)).status).toBe(200);
  expect(await file('labelsTr/a.nii.gz')).toEqual(given);
  expect(await log()).toHaveLength(1);
});

test('two labels for one case at once: the file is what the log says last', async () => {
  await Promise.all([give('a', mask(1)), give('a', mask(2)), give('a', mask(1)), give('a', mask(2))]);
  const [newest] = await log();
  expect(hashOf(await file('labelsTr/a.nii.gz'))).toBe(newest?.sha256);
});

test('a case comes with its label or waits for it, once, and never under a second name', async () => {
  const [first, second] = [image(), image()];
  expect((await add('new1', [first], mask(1))).body.change).toMatchObject({ kind: 'case-added', role: 'training' });
  expect((await add('new2', [second])).body.change).toMatchObject({ kind: 'case-added', role: 'unlabelled' });
  expect(await trainingIds()).toEqual(['a', 'b', 'new1']);
  expect((await readDatalist(folder)).unlabelled?.map(({ caseId }) => caseId)).toEqual(['new2', 'u']);
  expect((await add('new2', [second])).body).toMatchObject({ message: 'new2 is there already.', change: null });
  expect((await add('new2', [second], mask(2))).body.change).toMatchObject({ kind: 'label-added' });
  expect(await trainingIds()).toEqual(['a', 'b', 'new1', 'new2']);
  expect((await add('new1', [image()])).status).toBe(409);
  expect((await add('two', [image(), image()])).body.errors?.[0]?.pointer).toBe('/images');
  expect((await add('bad', [Buffer.from('a picture')])).body.findings?.[0]?.code).toBe('unreadable');
  expect(await log()).toHaveLength(3);
});
