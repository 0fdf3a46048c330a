import type { VoxhelmError } from '@voxhelm/contracts/errors';
import type { MetricPoint } from '@voxhelm/contracts/trial';
import { afterEach, describe, expect, it } from 'vitest';
import { openTrialApi, type TrialApi, type TrialApiOptions } from './api-client.ts';
import { type FakeApi, startFakeApi } from './fixtures/fake-api.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function server(port?: number): Promise<FakeApi> {
  const api = await startFakeApi(port);
  closing.push(() => api.close());
  return api;
}

function client(url: string, options: Partial<TrialApiOptions> = {}): { api: TrialApi; refusals: VoxhelmError[] } {
  const refusals: VoxhelmError[] = [];
  const api = openTrialApi({
    url,
    apiKey: 'a-key-of-sixteen-letters',
    trialId: 'trial/1',
    lease: 3,
    attempt: 2,
    onRefused: (error) => refusals.push(error),
    log: () => undefined,
    flushEveryMs: 60_000,
    maxBackoffMs: 50,
    ...options,
  });
  closing.push(() => api.close());
  return { api, refusals };
}

const loss = (count: number, from = 0): MetricPoint[] =>
  Array.from({ length: count }, (_, index) => ({ series: 'loss', step: from + index, value: (from + index) / 2 }));

describe('openTrialApi', () => {
  it('sends points in batches under lease, attempt and key', async () => {
    const fake = await server();
    const { api } = client(fake.url);
    await api.addPoints(loss(4_500));
    await api.flush();
    expect(fake.points.size).toBe(4_500);
    expect(fake.requests.length).toBe(3);
    expect(fake.requests[0]).toMatchObject({
      path: '/v1/trials/trial%2F1/metrics',
      authorization: 'Bearer a-key-of-sixteen-letters',
      body: { lease: 3, attempt: 2 },
    });
    expect(api.unsent()).toEqual([]);
  });

  it('loses no point while the API is away or failing, and sends what an earlier attempt left', async () => {
    const first = await startFakeApi();
    first.answer = () => ({ status: 503 });
    const { api, refusals } = client(first.url, { unsent: loss(2) });
    await api.addPoints(loss(3, 2));
    const flushed = api.flush();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await first.close(); // Now it does not even answer.
    await expect(api.flush(100)).rejects.toMatchObject({ code: 'unavailable' });
    expect(api.unsent()).toHaveLength(5);
    const second = await server(first.port);
    await flushed;
    expect([...second.points.keys()]).toEqual(['loss@0', 'loss@1', 'loss@2', 'loss@3', 'loss@4']);
    expect(refusals).toEqual([]);
  });

  it('makes the training wait rather than drop points when its buffer is full', async () => {
    const fake = await server();
    fake.answer = () => ({ status: 503 });
    const { api } = client(fake.url, { bufferLimit: 10 });
    await api.addPoints(loss(10));
    let room = false;
    const waiting = api.addPoints(loss(1, 10)).then(() => {
      room = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(room).toBe(false);
    fake.answer = () => null;
    await waiting;
    await api.flush();
    expect(fake.points.size).toBe(11);
  });

  it('stops a superseded attempt, once', async () => {
    const fake = await server();
    fake.answer = () => ({ status: 409 });
    const { api, refusals } = client(fake.url);
    await api.addPoints(loss(1));
    await expect(api.flush()).rejects.toMatchObject({ code: 'conflict', retryable: false });
    await expect(api.report(10, 0.5)).rejects.toMatchObject({ code: 'conflict' });
    await expect(api.addPoints(loss(1))).rejects.toMatchObject({ code: 'conflict' });
    expect(refusals).toHaveLength(1);
  });

  it('hears of being superseded by a progress update as well', async () => {
    const fake = await server();
    fake.answer = (path) => (path.endsWith('progress') ? { status: 409 } : null);
    const { api, refusals } = client(fake.url);
    api.progress({
      step: 1,
      steps: 2,
      phase: 'training',
      loss: null,
      dice: null,
      bestDice: null,
      stepsPerSecond: 1,
      etaSeconds: 1,
      memoryMb: 1,
      dataWaitFraction: 0,
    });
    for (let tries = 0; tries < 100 && refusals.length === 0; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(refusals.map((error) => error.code)).toEqual(['conflict']);
  });

  it('waits for the recorded answer to a report over failures in between', async () => {
    const fake = await server();
    let calls = 0;
    fake.answer = () => {
      calls += 1;
      if (calls < 3) return { status: 500 };
      return { status: 200, body: { stop: true, reason: 'below the median of step 10' } };
    };
    const { api } = client(fake.url);
    expect(await api.report(10, 0.25)).toEqual({ stop: true, reason: 'below the median of step 10' });
  });

  it('gives up after its time, so that another attempt may try', async () => {
    const { api, refusals } = client('http://127.0.0.1:9', { giveUpMs: 200 });
    await expect(api.report(1, 0.1)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(refusals).toHaveLength(1);
  });
});
