import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeliveryView, WebhookView } from '@voxhelm/contracts/webhook';
import { newId } from '@voxhelm/prisma/ids';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tellWebhooks } from '../webhook-outbox.ts';
import type { App } from './services.ts';
import { startTestService, type TestService } from './testing/service.ts';

/* Webhooks against a real receiver: what arrives, signed; what is tried again; what is given up and sent again by hand. */

interface Received {
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

let service: TestService;
let app: App;
let server: Server;
let url: string;
let answers: number[] = [];
const received: Received[] = [];
let datasetId: string;

beforeAll(async () => {
  service = await startTestService();
  app = await service.another({ webhookSending: { retryAfterSeconds: [0, 0], lookEveryMs: 50 } });
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      response.writeHead(answers.shift() ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  datasetId = newId('ds');
  await service.database.dataset.create({ data: { id: datasetId, name: 'brains', path: '/x', workflowStarted: true } });
});
afterAll(async () => {
  server.close();
  await service.close();
});

async function hook(body: object): Promise<WebhookView> {
  const response = await app.inject({ method: 'POST', url: '/v1/webhooks', payload: { url, ...body } });
  expect(response.statusCode, response.body).toBe(201);
  return response.json() as WebhookView;
}

const tell = (key: string, event: 'drift' | 'run.failed' = 'drift') =>
  tellWebhooks(service.database, { event, key, datasetId, message: 'It drifts.', data: { drift: 4 } });

async function deliveries(state: string): Promise<DeliveryView[]> {
  return (await app.inject({ url: `/v1/webhooks/deliveries?state=${state}` })).json().items as DeliveryView[];
}

async function until(wanted: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 10_000; !(await wanted()); await sleep(20)) {
    if (Date.now() > deadline) throw new Error('not within 10 s');
  }
}

test('a message arrives once, signed by the secret that was shown once, and only where it is wanted', async () => {
  const made = await hook({ events: ['drift'], dataset: 'brains' });
  const [listed] = (await app.inject({ url: '/v1/webhooks' })).json() as WebhookView[];
  expect([made.secret?.length, listed?.secret]).toEqual([64, undefined]);
  await tell('d1');
  await tell('d1');
  await tell('f1', 'run.failed');
  await until(async () => (await deliveries('delivered')).length === 1);
  expect(received).toHaveLength(1);
  const [{ headers, body }] = received as [Received];
  const [, at, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['voxhelm-signature'])) ?? [];
  expect(signature).toBe(
    createHmac('sha256', made.secret ?? '')
      .update(`${at}.${body}`)
      .digest('hex'),
  );
  expect(JSON.parse(body)).toMatchObject({
    event: 'drift',
    dataset: { id: datasetId, name: 'brains' },
    data: { drift: 4 },
  });
  await app.inject({ method: 'DELETE', url: `/v1/webhooks/${made.id}` });
});

test('a receiver that fails is tried again; what is given up stays in the dead-letter list and can be sent again', async () => {
  const made = await hook({});
  answers = [500, 200];
  await tell('d2');
  await until(async () => (await deliveries('delivered')).length === 1);
  expect((await deliveries('delivered'))[0]).toMatchObject({ attempts: 2, lastStatus: 200, lastError: null });
  answers = [500, 302, 503];
  await tell('d3');
  await until(async () => (await deliveries('dead')).length === 1);
  const [dead] = (await deliveries('dead')) as [DeliveryView];
  expect(dead).toMatchObject({ attempts: 3, lastStatus: 503, lastError: 'answered HTTP 503', webhookId: made.id });
  const before = received.length;
  await app.inject({ method: 'POST', url: `/v1/webhooks/deliveries/${dead.id}/redeliver` });
  await until(async () => (await deliveries('dead')).length === 0 && received.length > before);
  await until(async () => (await deliveries('delivered')).length === 2);
});

test('an address that is none, and an unknown event, are refused', async () => {
  for (const payload of [{ url: 'ftp://a/b' }, { url, events: ['run.paused'] }, { url, secret: 'short' }]) {
    expect((await app.inject({ method: 'POST', url: '/v1/webhooks', payload })).statusCode).toBe(400);
  }
});
