import { createHmac } from 'node:crypto';
import { toErrorRecord } from '@voxhelm/contracts/errors';
import type { Database } from '@voxhelm/prisma/client';
import type { FastifyBaseLogger } from 'fastify';

/** Seconds until the next attempt after each failed one; after the last the message is dead. Together about 10 hours. */
const RETRY_AFTER_SECONDS: readonly number[] = [5, 30, 120, 600, 1_800, 7_200, 28_800];
const LOOK_EVERY_MS = 2_000;
/** An address that answers later than this has failed. */
const ANSWER_WITHIN_MS = 10_000;
const AT_ONCE = 10;
/** Another process may send a claimed message again only after this: longer than an attempt can take. */
const CLAIM_MS = 3 * ANSWER_WITHIN_MS;
const ERROR_CHARACTERS = 300;

/** Sends webhooks' messages while the API runs. */
export interface WebhookSender {
  /** Sends what is due; resolves when that is done, and never rejects. */
  kick(): Promise<void>;
  stop(): Promise<void>;
}

/** How a test hurries things up. */
export interface SenderOptions {
  readonly retryAfterSeconds?: readonly number[];
  readonly lookEveryMs?: number;
}

/**
 * Signature of a delivery, as the header `Voxhelm-Signature` carries it: `t=<seconds>,v1=<hex>`, where v1 is the HMAC-SHA256
 * of `<seconds>.<body>` under the webhook's secret. The time lets a receiver refuse what somebody recorded and sends again.
 */
export function signatureOf(secret: string, body: string, atSeconds: number): string {
  return `t=${atSeconds},v1=${createHmac('sha256', secret).update(`${atSeconds}.${body}`).digest('hex')}`;
}

/** A message that is due, claimed for this process. */
interface Due {
  readonly id: string;
  readonly event: string;
  readonly payload: unknown;
  readonly attempts: number;
  readonly url: string;
  readonly secret: string;
}

/** Starts sending: at least once each, by any number of API processes, none of which sends what another is sending. */
export function startWebhookSender(
  database: Database,
  log: FastifyBaseLogger,
  { retryAfterSeconds = RETRY_AFTER_SECONDS, lookEveryMs = LOOK_EVERY_MS }: SenderOptions = {},
): WebhookSender {
  let sending: Promise<void> | null = null;
  let stopped = false;
  let failing = false;

  async function sendDue(): Promise<void> {
    try {
      for (let due = await claim(database); due.length > 0 && !stopped; due = await claim(database)) {
        await Promise.all(due.map((one) => attempt(database, one, retryAfterSeconds)));
      }
      failing = false;
    } catch (error) {
      // Once for each outage, not every two seconds.
      if (!failing) log.warn({ reason: toErrorRecord(error).message }, 'webhooks cannot be sent now; trying again');
      failing = true;
    }
  }

  function kick(): Promise<void> {
    if (stopped) return Promise.resolve();
    sending ??= sendDue().finally(() => {
      sending = null;
    });
    return sending;
  }

  const timer = setInterval(() => void kick(), lookEveryMs);
  timer.unref();
  return {
    kick,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await sending;
    },
  };
}

/** Takes messages that are due by moving their next attempt: whoever else looks does not find them. */
function claim(database: Database): Promise<Due[]> {
  const until = new Date(Date.now() + CLAIM_MS);
  return database.$queryRaw<Due[]>`
    UPDATE "WebhookDelivery" d SET "nextAttemptAt" = ${until}
    FROM "Webhook" w WHERE w.id = d."webhookId" AND d.id IN (
      SELECT id FROM "WebhookDelivery" WHERE state = 'waiting' AND "nextAttemptAt" <= now()
      ORDER BY "nextAttemptAt" LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)
    RETURNING d.id, d.event, d.payload, d.attempts, w.url, w.secret`;
}

async function attempt(database: Database, due: Due, retryAfterSeconds: readonly number[]): Promise<void> {
  const { status, error } = await send(due);
  const attempts = due.attempts + 1;
  const ended = { attempts, lastStatus: status, lastError: error };
  if (error === null) {
    const data = { ...ended, state: 'delivered', deliveredAt: new Date() };
    await database.webhookDelivery.updateMany({ where: { id: due.id }, data });
    return;
  }
  const waitSeconds = retryAfterSeconds[due.attempts];
  const data =
    waitSeconds === undefined
      ? { ...ended, state: 'dead' }
      : { ...ended, nextAttemptAt: new Date(Date.now() + waitSeconds * 1000) };
  await database.webhookDelivery.updateMany({ where: { id: due.id }, data });
}

async function send({
  id,
  event,
  payload,
  url,
  secret,
}: Due): Promise<{ status: number | null; error: string | null }> {
  const body = JSON.stringify({ id, ...(payload as object) });
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'voxhelm-event': event,
        'voxhelm-delivery': id,
        'voxhelm-signature': signatureOf(secret, body, Math.floor(Date.now() / 1000)),
      },
      body,
      // A redirect would take the message where nobody asked for it.
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    await response.body?.cancel();
    return { status: response.status, error: response.ok ? null : `answered HTTP ${response.status}` };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { status: null, error: toErrorRecord(cause).message.slice(0, ERROR_CHARACTERS) };
  }
}
