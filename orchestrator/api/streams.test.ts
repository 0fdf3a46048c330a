import { createHash } from 'node:crypto';
import { newId } from '@voxhelm/prisma/ids';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestService, type TestService } from './testing/service.ts';

/* What is sent in parts or repeated: events, files, and what trainers tell. Over a real socket where that matters. */

let service: TestService;
let url: string;
let runId: string;

beforeAll(async () => {
  service = await startTestService();
  url = await service.app.listen({ port: 0, host: '127.0.0.1' });
  const datasetId = newId('ds');
  await service.database.dataset.create({ data: { id: datasetId, name: 'd', path: '/d', workflowStarted: true } });
  runId = newId('run');
  await service.database.run.create({
    data: {
      id: runId,
      requestSha256: 'x',
      request: { dataset: datasetId, seed: 0, skipInvalid: false },
      name: 'run',
      datasetId,
      seed: 0,
      state: 'running',
      workflowStarted: true,
    },
  });
});
afterAll(() => service.close());

async function addEvent(key: string): Promise<number> {
  const { id } = await service.database.runEvent.create({ data: { runId, key, type: 'test', message: key } });
  return Number(id);
}

interface Message {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** Reads a run's stream until `enough`, then goes. */
async function listen(enough: (messages: Message[]) => boolean, lastEventId?: number): Promise<Message[]> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
  const response = await fetch(`${url}/v1/runs/${runId}/events`, { headers });
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
  let text = '';
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    text += new TextDecoder().decode(chunk);
    const messages = text
      .split('\n\n')
      .slice(0, -1)
      .flatMap((block) => {
        const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const data = field('data');
        return data === undefined ? [] : [{ id: field('id'), event: field('event'), data }];
      });
    // Leaving the loop closes the connection.
    if (enough(messages)) return messages;
  }
  throw new Error('the stream ended early');
}

const ids = (messages: Message[]): number[] => messages.flatMap(({ id }) => (id === undefined ? [] : [Number(id)]));

describe('events', () => {
  test('come once, in order, while they are recorded; a client that comes back gets only what it missed', async () => {
    const first = [await addEvent('a'), await addEvent('b')];
    const heard = await listen((messages) => ids(messages).length === 2 && messages.at(-1)?.event === 'progress');
    expect(ids(heard)).toEqual(first);
    // A progress message has no id: it must not move the place from which a client resumes.
    expect(heard.filter(({ event }) => event === 'progress').every(({ id }) => id === undefined)).toBe(true);

    const missed = [await addEvent('c'), await addEvent('d')];
    const resumed = listen((messages) => ids(messages).length === 3, first[1]);
    const late = await addEvent('e');
    expect(ids(await resumed)).toEqual([...missed, late]);
    expect(ids(await listen((messages) => messages.length > 0, late))).toEqual([]);
  });

  test('an event id that is none, and a run that is none, are refused by name', async () => {
    const wrong = await fetch(`${url}/v1/runs/${runId}/events`, { headers: { 'last-event-id': 'x' } });
    expect(wrong.status).toBe(400);
    expect(await wrong.json()).toMatchObject({ errors: [{ pointer: '/Last-Event-ID' }] });
    expect((await fetch(`${url}/v1/runs/nope/events`)).status).toBe(404);
  });

  test('the stream of a run that is over ends by itself after its last event', async () => {
    const last = await addEvent('ended');
    await service.database.run.update({ where: { id: runId }, data: { state: 'completed' } });
    const text = await (await fetch(`${url}/v1/runs/${runId}/events?after=${last - 1}`)).text();
    expect(text).toContain(`id: ${last}\n`);
    expect(text.trim().split('\n\n').at(-1)).toMatch(/^event: progress\n/);
  });
});

describe('files', () => {
  const bytes = Buffer.from(Array.from({ length: 1000 }, (_, index) => index % 251));
  const get = (headers: Record<string, string>) => fetch(`${url}/v1/runs/${runId}/bundle`, { headers });

  beforeAll(async () => {
    const { uri, sha256 } = await service.store.write('runs/x/bundle.zip', bytes);
    await service.database.artifact.create({
      data: { id: newId('art'), runId, kind: 'ensemble-bundle', name: 'bundle.zip', uri, sha256, bytes: 1000n },
    });
  });

  test.each([
    ['bytes=0-0', 0, 0],
    ['bytes=10-99', 10, 99],
    ['bytes=990-', 990, 999],
    ['bytes=-5', 995, 999],
    ['bytes=900-5000', 900, 999],
    ['bytes=-5000', 0, 999],
  ])('%s is that part', async (range, start, end) => {
    const response = await get({ range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end}/1000`);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes.subarray(start, end + 1));
  });

  test('what is no single range gives the whole; what lies beyond 416; an unchanged file 304; a changed one the whole', async () => {
    for (const headers of [{}, { range: 'bytes=0-1,5-6' }, { range: 'lines=1-2' }, { range: 'bytes=9-3' }]) {
      const whole = await get(headers);
      expect(whole.status).toBe(200);
      expect(Buffer.from(await whole.arrayBuffer())).toEqual(bytes);
    }
    const beyond = await get({ range: 'bytes=1000-' });
    expect(beyond.status).toBe(416);
    expect(beyond.headers.get('content-range')).toBe('bytes */1000');
    expect(beyond.headers.get('content-type')).toMatch(/problem\+json/);
    const etag = (await get({})).headers.get('etag') ?? '';
    expect(etag).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
    expect((await get({ 'if-none-match': etag })).status).toBe(304);
    expect((await get({ range: 'bytes=0-1', 'if-range': etag })).status).toBe(206);
    expect((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200);
  });

  test('HEAD tells the size without the file', async () => {
    const response = await fetch(`${url}/v1/runs/${runId}/bundle`, { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('content-length')).toBe('1000');
    expect(response.headers.get('accept-ranges')).toBe('bytes');
  });

  test('a file that was changed behind the store is never sent', async () => {
    const ref = await service.store.write('runs/x/other.bin', Buffer.from('as recorded'));
    const id = newId('art');
    const recorded = { uri: ref.uri, sha256: ref.sha256, bytes: BigInt(ref.bytes) };
    await service.database.artifact.create({ data: { id, runId, kind: 'report', name: 'other.bin', ...recorded } });
    expect((await fetch(`${url}/v1/artifacts/${id}`)).status).toBe(200);
    await service.store.write('runs/x/other.bin', Buffer.from('as tampered'));
    const answer = await fetch(`${url}/v1/artifacts/${id}`);
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('tampered');
  });
});

describe('what trainers tell', () => {
  let trialId: string;
  beforeAll(async () => {
    trialId = newId('trl');
    await service.database.trial.create({
      data: {
        id: trialId,
        runId,
        number: 0,
        kind: 'search',
        algorithm: 'segresnet',
        fold: 0,
        state: 'running',
        point: {},
        steps: 100,
        seed: 0,
        lease: 2,
      },
    });
  });

  const tell = async (lease: number, attempt: number, value: number): Promise<number> => {
    const points = [{ series: 'loss', step: 10, value }];
    const payload = { lease, attempt, points };
    return (await service.app.inject({ method: 'POST', url: `/v1/trials/${trialId}/metrics`, payload })).statusCode;
  };
  const told = async (): Promise<number[]> =>
    (await service.database.metricPoint.findMany({ where: { trialId } })).map(({ value }) => value);

  test('a writer that was replaced is refused, and overwrites nothing; a repeated batch doubles nothing', async () => {
    expect(await tell(1, 1, 0.1)).toBe(409); // An older lease than the trial's.
    expect(await told()).toEqual([]);
    expect([await tell(2, 1, 0.2), await tell(2, 1, 0.2)]).toEqual([204, 204]);
    expect(await told()).toEqual([0.2]);
    expect(await tell(2, 2, 0.3)).toBe(204); // The next attempt of the same lease goes on from a checkpoint.
    expect(await tell(2, 1, 0.4)).toBe(409);
    expect(await told()).toEqual([0.3]);
    expect(await tell(3, 1, 0.5)).toBe(204);
    expect([await tell(2, 9, 0.6), await told()]).toEqual([409, [0.5]]);
  });
});

test('an attempt that goes on is told once, with its step and why the one before it ended', async () => {
  const trial = await service.database.trial.findFirstOrThrow({ where: { steps: 100 } });
  const progress = {
    ...{ step: 42, steps: 100, phase: 'training', loss: 0.5, dice: null, bestDice: null, stepsPerSecond: 1 },
    ...{ etaSeconds: null, memoryMb: 1, dataWaitFraction: null },
  };
  const tell = (attempt: number, more: object = {}) =>
    service.app.inject({
      method: 'POST',
      url: `/v1/trials/${trial.id}/progress`,
      payload: { lease: 9, attempt, progress: { ...progress, ...more } },
    });
  const told = async () =>
    (await service.database.runEvent.findMany({ where: { runId: trial.runId, type: 'trial.continued' } })).map(
      ({ message }) => message,
    );
  expect((await tell(1)).statusCode).toBe(204);
  expect((await tell(2, { phase: 'loading', step: 0 })).statusCode).toBe(204);
  expect(await told()).toEqual([]);
  await tell(2);
  await tell(2, { step: 43 });
  await tell(3, { step: 43, after: "the train job's process was killed at step 43 (SIGKILL)" });
  expect(await told()).toEqual([
    'Trial 1 (segresnet, fold 0) goes on from step 42 of 100: its trainer was lost, this is attempt 2.',
    "Trial 1 (segresnet, fold 0) goes on from step 43 of 100: the train job's process was killed at step 43 (SIGKILL), this is attempt 3.",
  ]);
});

test('each time that a plan was made smaller for its device is told once', async () => {
  const trial = await service.database.trial.findFirstOrThrow({ where: { steps: 100 } });
  const progress = {
    ...{ step: 42, steps: 100, phase: 'loading', loss: null, dice: null, bestDice: null, stepsPerSecond: 1 },
    ...{ etaSeconds: null, memoryMb: 1, dataWaitFraction: null },
  };
  for (const times of [1, 1, 2]) {
    const smaller = { times, told: `out of memory ${times}` };
    const payload = { lease: 10, attempt: 1, progress: { ...progress, smaller } };
    const { statusCode } = await service.app.inject({
      ...{ method: 'POST', url: `/v1/trials/${trial.id}/progress`, payload },
    });
    expect(statusCode).toBe(204);
  }
  const events = await service.database.runEvent.findMany({ where: { runId: trial.runId, type: 'trial.smaller' } });
  expect(events.map(({ message }) => message)).toEqual([
    'Trial 1 (segresnet, fold 0) made smaller: out of memory 1.',
    'Trial 1 (segresnet, fold 0) made smaller: out of memory 2.',
  ]);
});

test('the OpenAPI document names every route, each answer has a schema, and every reference leads somewhere', async () => {
  const document = (await service.app.inject('/v1/openapi.json')).json();
  expect(document.openapi).toBe('3.1.0');
  const documented = new Set(
    Object.entries<object>(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    ),
  );
  for (const route of [
    'POST /v1/datasets',
    'GET /v1/datasets',
    'GET /v1/datasets/{id}',
    'POST /v1/runs',
    'GET /v1/runs',
    'GET /v1/runs/{id}',
    'GET /v1/runs/{id}/trials',
    'GET /v1/runs/{id}/metrics',
    'GET /v1/runs/{id}/events',
    'POST /v1/runs/{id}/pause',
    'POST /v1/runs/{id}/resume',
    'POST /v1/runs/{id}/cancel',
    'GET /v1/runs/{id}/bundle',
    'GET /v1/artifacts/{id}',
    'POST /v1/trials/{trialId}/metrics',
  ])
    expect(documented, route).toContain(route);
  for (const [path, operations] of Object.entries<Record<string, { summary?: string; responses: object }>>(
    document.paths,
  ))
    for (const [method, operation] of Object.entries(operations)) {
      expect(operation.summary, `${method} ${path}`).toBeTruthy();
      expect(
        Object.keys(operation.responses).some((status) => status.startsWith('2')),
        `${method} ${path}`,
      ).toBe(true);
    }
  const schemas = document.components.schemas;
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    expect(schemas, name).toHaveProperty([name ?? '']);
});
