import { randomBytes } from 'node:crypto';
import { PageQuery } from '@voxhelm/contracts/api';
import { DeliveryView, WebhookCreate, WebhookEvent, WebhookView } from '@voxhelm/contracts/webhook';
import type { Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson } from '@voxhelm/prisma/json';
import { z } from 'zod';
import { notFound } from '../../errors.ts';
import { problemResponse } from '../../openapi.ts';
import { keyOf, page, pageOf } from '../../paging.ts';
import { registeredDataset } from '../../registered-dataset.ts';
import type { App, Services } from '../../services.ts';

const params = z.object({ id: z.string() });
const DeliveryPage = pageOf(DeliveryView).meta({ id: 'DeliveryPage' });
const DeliveryState = z.enum(['waiting', 'delivered', 'dead']);

/** Webhooks: make, list, delete; their messages, the dead ones among them, and sending one again. */
export function webhookRoutes(app: App, { database, webhooks }: Services): void {
  app.post(
    '/webhooks',
    {
      schema: {
        tags: ['webhooks'],
        summary: 'Tell an address what happens; the answer holds the secret, once',
        body: WebhookCreate,
        response: { 201: WebhookView, ...problemResponse },
      },
    },
    async ({ body }, reply) => {
      const dataset = body.dataset === undefined ? null : await registeredDataset(database, body.dataset);
      const row = await database.webhook.create({
        data: {
          id: newId('wh'),
          url: body.url,
          events: body.events,
          secret: body.secret ?? randomBytes(32).toString('hex'),
          datasetId: dataset?.id ?? null,
        },
      });
      return reply.code(201).send({ ...webhookView(row, new Map()), secret: row.secret });
    },
  );

  app.get(
    '/webhooks',
    {
      schema: {
        tags: ['webhooks'],
        summary: 'All webhooks',
        response: { 200: z.array(WebhookView), ...problemResponse },
      },
    },
    async () => {
      const [rows, counts] = await Promise.all([
        database.webhook.findMany({ orderBy: { id: 'asc' } }),
        database.webhookDelivery.groupBy({ by: ['webhookId', 'state'], _count: true }),
      ]);
      const countOf = new Map(counts.map(({ webhookId, state, _count }) => [`${webhookId} ${state}`, _count]));
      return rows.map((row) => webhookView(row, countOf));
    },
  );

  app.delete(
    '/webhooks/:id',
    {
      schema: {
        tags: ['webhooks'],
        summary: 'Delete a webhook with its messages',
        params,
        response: { 204: z.null().describe('It is gone.'), ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      const { count } = await database.webhook.deleteMany({ where: { id } });
      if (count === 0) throw notFound('webhook', id);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/webhooks/deliveries',
    {
      schema: {
        tags: ['webhooks'],
        summary: 'Messages, newest first; state=dead lists those that were given up',
        querystring: z.strictObject({ ...PageQuery.shape, state: DeliveryState.optional() }),
        response: { 200: DeliveryPage, ...problemResponse },
      },
    },
    async ({ query }) => {
      const after = keyOf(query.cursor);
      const rows = await database.webhookDelivery.findMany({
        where: {
          ...(after === undefined ? {} : { id: { lt: after } }),
          ...(query.state === undefined ? {} : { state: query.state }),
        },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
        include: { webhook: { select: { url: true } } },
      });
      return page(rows, query.limit, (row) => row.id, deliveryView);
    },
  );

  app.post(
    '/webhooks/deliveries/:id/redeliver',
    {
      schema: {
        tags: ['webhooks'],
        summary: 'Send a message again, from its first attempt on',
        params,
        response: { 202: DeliveryView, ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      const { count } = await database.webhookDelivery.updateMany({
        where: { id },
        data: { state: 'waiting', attempts: 0, nextAttemptAt: new Date() },
      });
      if (count === 0) throw notFound('delivery', id);
      void webhooks.kick();
      const row = await database.webhookDelivery.findUniqueOrThrow({
        where: { id },
        include: { webhook: { select: { url: true } } },
      });
      return reply.code(202).send(deliveryView(row));
    },
  );
}

function webhookView(row: Prisma.WebhookGetPayload<object>, countOf: ReadonlyMap<string, number>): WebhookView {
  return {
    id: row.id,
    url: row.url,
    events: fromJson('Webhook.events', z.array(WebhookEvent), row.events),
    datasetId: row.datasetId,
    waiting: countOf.get(`${row.id} waiting`) ?? 0,
    dead: countOf.get(`${row.id} dead`) ?? 0,
    createdAt: row.createdAt.toISOString(),
  };
}

function deliveryView(
  row: Prisma.WebhookDeliveryGetPayload<{ include: { webhook: { select: { url: true } } } }>,
): DeliveryView {
  return {
    id: row.id,
    webhookId: row.webhookId,
    url: row.webhook.url,
    event: fromJson('WebhookDelivery.event', WebhookEvent, row.event),
    state: fromJson('WebhookDelivery.state', DeliveryState, row.state),
    attempts: row.attempts,
    lastStatus: row.lastStatus,
    lastError: row.lastError,
    nextAttemptAt: row.nextAttemptAt.toISOString(),
    createdAt: row.createdAt.toISOString(),
    deliveredAt: row.deliveredAt?.toISOString() ?? null,
  };
}
