import { type WebhookEvent, WebhookEvent as WebhookEventSchema } from '@voxhelm/contracts/webhook';
import type { Prisma, Transaction } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson } from '@voxhelm/prisma/json';
import { z } from 'zod';

/** Something that webhooks are told. */
export interface WebhookMessage {
  readonly event: WebhookEvent;
  /** Names the happening, so that a retried activity tells it once. */
  readonly key: string;
  readonly datasetId: string;
  /** One sentence for people. */
  readonly message: string;
  readonly data: Prisma.InputJsonObject;
}

const Events = z.array(WebhookEventSchema);

/**
 * Writes a message for each webhook that wants it, in the transaction of what happened: it is told if and only if that was
 * committed. The API's process sends them (api/webhook-sender.ts).
 */
export async function tellWebhooks(transaction: Transaction, message: WebhookMessage): Promise<void> {
  const { event, key, datasetId } = message;
  const webhooks = await transaction.webhook.findMany({ where: { OR: [{ datasetId: null }, { datasetId }] } });
  const wanted = webhooks.filter(({ events }) => fromJson('Webhook.events', Events, events).includes(event));
  if (wanted.length === 0) return;
  const dataset = await transaction.dataset.findUnique({ where: { id: datasetId }, select: { name: true } });
  const at = new Date().toISOString();
  await transaction.webhookDelivery.createMany({
    data: wanted.map(({ id: webhookId }) => ({
      id: newId('msg'),
      webhookId,
      key,
      event,
      payload: {
        event,
        at,
        dataset: { id: datasetId, name: dataset?.name ?? null },
        message: message.message,
        data: message.data,
      },
    })),
    skipDuplicates: true,
  });
}
