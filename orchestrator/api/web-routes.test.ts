import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatasetView } from '@voxhelm/contracts/api';
import type { UploadView } from '@voxhelm/contracts/api-uploads';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestService, type TestService } from './testing/service.ts';

/* Routes that the web UI lives on: uploads by tus, live messages, deleting, the pages themselves. */

let service: TestService;
let url: string;
let webUi: string;
beforeAll(async () => {
  service = await startTestService();
  webUi = await mkdtemp(join(tmpdir(), 'voxhelm-web-ui-'));
  await mkdir(join(webUi, 'assets'));
  await writeFile(join(webUi, 'index.html'), '<!doctype html><title>page</title>');
  await writeFile(join(webUi, 'assets', 'a-1.js'), 'export {};');
  const app = await service.another({ webUi });
  url = await app.listen({ port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await service.close();
  await rm(webUi, { recursive: true, force: true });
});

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function begin(files: readonly { path: string; bytes: number; sha256: string }[]): Promise<Response> {
  return fetch(`${url}/v1/uploads`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'mine', files, choices: ['case 1: dropped'] }),
  });
}

const TUS = { 'tus-resumable': '1.0.0' };

async function create(href: string, content: Buffer, announced = sha256(content)): Promise<string> {
  const created = await fetch(`${url}${href}`, {
    method: 'POST',
    headers: {
      ...TUS,
      'upload-length': String(content.length),
      'upload-metadata': `sha256 ${Buffer.from(announced).toString('base64')}`,
    },
  });
  expect(created.status).toBe(201);
  return new URL(created.headers.get('location') ?? '', `${url}${href}`).href;
}

function patch(place: string, offset: number, body: Buffer): Promise<Response> {
  return fetch(place, {
    method: 'PATCH',
    headers: { ...TUS, 'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset) },
    body: new Uint8Array(body),
  });
}

describe('uploading a dataset file by file', () => {
  const content = Buffer.from('voxels'.repeat(20_000));
  const files = [
    { path: 'imagesTr/a.nii', bytes: content.length, sha256: sha256(content) },
    { path: 'labelsTr/a.nii', bytes: content.length, sha256: sha256(content) },
  ];

  test('a file that stopped half-way goes on there, equal files come once, and the dataset lies as it was', async () => {
    const upload = (await (await begin(files)).json()) as UploadView;
    expect(upload.missing).toEqual([{ sha256: sha256(content), bytes: content.length }]);
    const early = await fetch(`${url}/v1/uploads/${upload.id}/complete`, { method: 'POST' });
    expect(early.status).toBe(409);

    const place = await create(upload.href, content);
    expect((await patch(place, 0, content.subarray(0, 50_000))).status).toBe(204);
    const stopped = await fetch(place, { method: 'HEAD', headers: TUS });
    expect(stopped.headers.get('upload-offset')).toBe('50000');
    expect((await patch(place, 50_000, content.subarray(50_000))).status).toBe(204);

    const answers = await Promise.all(
      [1, 2].map(() => fetch(`${url}/v1/uploads/${upload.id}/complete`, { method: 'POST' })),
    );
    expect(answers.map(({ status }) => status)).toEqual([202, 202]);
    const [first, second] = (await Promise.all(answers.map((answer) => answer.json()))) as [DatasetView, DatasetView];
    expect(second.id).toBe(first.id);
    expect(await readFile(join(first.path, 'labelsTr', 'a.nii'))).toEqual(content);
    expect(await readFile(join(first.path, 'voxhelm-choices.txt'), 'utf8')).toBe('case 1: dropped\n');

    const again = (await (await begin(files)).json()) as UploadView;
    expect(again.missing).toEqual([]);
    const deleted = await fetch(`${url}/v1/datasets/${first.id}`, { method: 'DELETE' });
    expect(deleted.status).toBe(204);
    await expect(readFile(join(first.path, 'labelsTr', 'a.nii'))).rejects.toThrow('ENOENT');
  });

  test('content of another hash than announced is refused and not kept', async () => {
    const other = Buffer.from('something else');
    const place = await create('/v1/uploads/files', other, sha256(Buffer.from('x')));
    expect((await patch(place, 0, other)).status).toBe(409);
    const upload = (await (
      await begin([{ path: 'a', bytes: other.length, sha256: sha256(Buffer.from('x')) }])
    ).json()) as UploadView;
    expect(upload.missing).toHaveLength(1);
  });

  test.each(['../x', '/etc/passwd', 'a/../../b', 'a\\b', 'a/./b'])(
    'the path %j is refused at its field',
    async (path) => {
      const answer = await begin([{ path, bytes: 1, sha256: sha256(content) }]);
      expect(answer.status).toBe(400);
      expect(JSON.stringify(await answer.json())).toContain('/files/0/path');
    },
  );
});

describe('the pages', () => {
  test('every address of the web UI gets the page with a strict policy, assets may be kept for ever', async () => {
    for (const path of ['/', '/runs/run_x/trials?q=1', '/compare']) {
      const page = await fetch(`${url}${path}`, { headers: { accept: 'text/html' } });
      expect(page.status, path).toBe(200);
      expect(await page.text()).toContain('<title>page</title>');
      const policy = page.headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|\*/);
    }
    const asset = await fetch(`${url}/assets/a-1.js`);
    expect(asset.headers.get('cache-control')).toContain('immutable');
    const missing = await fetch(`${url}/assets/b.js`, { headers: { accept: 'text/html' } });
    expect(missing.status).toBe(404);
    const api = await fetch(`${url}/v1/nothing`, { headers: { accept: 'text/html' } });
    expect(api.headers.get('content-type')).toContain('problem+json');
  });

  test('without a built UI the root says how to get one', async () => {
    const app = await service.another({ webUi: join(webUi, 'none') });
    const answer = await app.inject({ url: '/' });
    expect(answer.statusCode).toBe(503);
    expect(answer.body).toContain('npm run setup');
  });
});

describe('runs, live and gone', () => {
  test('the live stream tells all runs first, then those that change and those that are deleted; a run that goes on is not', async () => {
    const submit = await fetch(`${url}/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ dataset: service.home, name: 'live' }),
    });
    const { id } = (await submit.json()) as { id: string };
    const stream = await fetch(`${url}/v1/live`);
    const reader = (stream.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const until = async (wanted: RegExp): Promise<void> => {
      while (!wanted.test(text)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`ended before ${wanted}`);
        text += value;
      }
    };
    await until(new RegExp(`event: runs\ndata: .*${id}.*"queued"`));
    text = '';
    await service.database.run.update({ where: { id }, data: { state: 'failed' } });
    await until(new RegExp(`event: runs\ndata: .*${id}.*"failed"`));

    await service.database.run.update({ where: { id }, data: { state: 'running' } });
    expect((await fetch(`${url}/v1/runs/${id}`, { method: 'DELETE' })).status).toBe(409);
    await service.database.run.update({ where: { id }, data: { state: 'cancelled' } });
    expect((await fetch(`${url}/v1/runs/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await fetch(`${url}/v1/runs/${id}`)).status).toBe(404);
    await until(new RegExp(`"gone":\\["${id}"\\]`));
    await reader.cancel();
  });

  test('a stopped trial is told to Temporal; one that has ended is refused', async () => {
    const submit = await fetch(`${url}/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ dataset: service.home, name: 'stop' }),
    });
    const { id: runId } = (await submit.json()) as { id: string };
    const trial = { runId, kind: 'search', algorithm: 'segresnet', fold: 0, point: {}, steps: 10, seed: 1 };
    await service.database.trial.createMany({
      data: [
        { ...trial, id: 'trl_open', number: 0, state: 'running' },
        { ...trial, id: 'trl_over', number: 1, state: 'completed' },
      ],
    });
    expect((await fetch(`${url}/v1/trials/trl_open/stop`, { method: 'POST' })).status).toBe(202);
    expect(service.workflows.told).toContain('stop trl_open');
    expect((await fetch(`${url}/v1/trials/trl_over/stop`, { method: 'POST' })).status).toBe(409);
  });
});
