import { z } from 'zod';

/** What a webhook may be told of. */
export const WebhookEvent = z.enum([
  'run.finished',
  'run.failed',
  'schedule.failed',
  'champion.promoted',
  'champion.kept',
  'drift',
]);
export type WebhookEvent = z.infer<typeof WebhookEvent>;

/** What `POST /v1/webhooks` takes. */
export const WebhookCreate = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }),
    /** All events where absent. */
    events: z
      .array(WebhookEvent)
      .min(1)
      .default([...WebhookEvent.options]),
    /** Only of this dataset (id or name); of all where absent. */
    dataset: z.string().min(1).optional(),
    /** Signs each delivery; made where absent. */
    secret: z.string().min(16).max(200).optional(),
  })
  .meta({ id: 'WebhookCreate' });
export type WebhookCreate = z.infer<typeof WebhookCreate>;

/** A webhook. Its secret is answered once, when it is made. */
export const WebhookView = z
  .object({
    id: z.string(),
    url: z.string(),
    events: z.array(WebhookEvent),
    datasetId: z.string().nullable(),
    secret: z.string().optional(),
    waiting: z.number().int(),
    dead: z.number().int(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'WebhookView' });
export type WebhookView = z.infer<typeof WebhookView>;

/** One message to a webhook. `dead`: given up after its last attempt; it can be sent again. */
export const DeliveryView = z
  .object({
    id: z.string(),
    webhookId: z.string(),
    url: z.string(),
    event: WebhookEvent,
    state: z.enum(['waiting', 'delivered', 'dead']),
    attempts: z.number().int(),
    lastStatus: z.number().int().nullable(),
    lastError: z.string().nullable(),
    nextAttemptAt: z.iso.datetime(),
    createdAt: z.iso.datetime(),
    deliveredAt: z.iso.datetime().nullable(),
  })
  .meta({ id: 'DeliveryView' });
export type DeliveryView = z.infer<typeof DeliveryView>;
