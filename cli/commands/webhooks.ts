import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readSettings } from '@voxhelm/contracts/settings';
import { DeliveryView, WebhookEvent, WebhookView } from '@voxhelm/contracts/webhook';
import { z } from 'zod';
import { createApiClient } from '../api-client.ts';
import type { JsonOption } from '../main.ts';
import { table } from '../output/format.ts';

/** Options of `webhook create`. */
export interface WebhookOptions extends JsonOption {
  readonly events?: string;
  readonly dataset?: string;
  readonly secret?: string;
}

/** Makes a webhook; its secret is shown here and never again. */
export async function create(url: string, options: WebhookOptions): Promise<number> {
  const body = {
    url,
    ...(options.events === undefined ? {} : { events: eventsOf(options.events) }),
    ...(options.dataset === undefined ? {} : { dataset: options.dataset }),
    ...(options.secret === undefined ? {} : { secret: options.secret }),
  };
  const hook = await createApiClient(readSettings()).post('/webhooks', body, WebhookView);
  if (options.json === true) process.stdout.write(`${JSON.stringify(hook)}\n`);
  else process.stdout.write(`${hook.id}  ${hook.url}  ${hook.events.join(', ')}\nsecret ${hook.secret} (shown once)\n`);
  return 0;
}

/** The events of a list with commas. Throws `invalid-request` naming each that is none. */
export function eventsOf(list: string): WebhookEvent[] {
  const words = list
    .split(',')
    .map((word) => word.trim())
    .filter(Boolean);
  const unknown = words.filter((word) => !WebhookEvent.safeParse(word).success);
  if (words.length > 0 && unknown.length === 0) return words as WebhookEvent[];
  const said = unknown.length === 0 ? '--events names none' : `--events: there is no event "${unknown.join('", "')}"`;
  throw new VoxhelmError('invalid-request', said, {
    fix: `Events are ${WebhookEvent.options.join(', ')}; leave --events out for all.`,
  });
}

/** Lists webhooks, or the messages that were given up (`dead`). */
export async function list(options: JsonOption & { readonly dead?: boolean }): Promise<number> {
  const client = createApiClient(readSettings());
  if (options.dead === true) {
    const Page = z.object({ items: z.array(DeliveryView) });
    const { items } = await client.get('/webhooks/deliveries?state=dead&limit=100', Page);
    const rows = items.map((one) => [
      one.id,
      one.event,
      one.url,
      String(one.attempts),
      one.lastError ?? '–',
      one.createdAt,
    ]);
    show(options, items, ['message', 'event', 'to', 'attempts', 'last error', 'since'], rows);
    return 0;
  }
  const hooks = await client.get('/webhooks', z.array(WebhookView));
  const rows = hooks.map((one) => [one.id, one.url, one.events.join(' '), String(one.waiting), String(one.dead)]);
  show(options, hooks, ['webhook', 'to', 'events', 'waiting', 'dead'], rows);
  return 0;
}

/** Deletes a webhook. */
export async function remove(id: string): Promise<number> {
  await createApiClient(readSettings()).raw(`/webhooks/${encodeURIComponent(id)}`, { method: 'DELETE' });
  process.stdout.write(`${id} is deleted\n`);
  return 0;
}

/** Sends a message that was given up again. */
export async function redeliver(id: string, options: JsonOption): Promise<number> {
  const path = `/webhooks/deliveries/${encodeURIComponent(id)}/redeliver`;
  const message = await createApiClient(readSettings()).post(path, undefined, DeliveryView);
  process.stdout.write(options.json === true ? `${JSON.stringify(message)}\n` : `${id} is sent again\n`);
  return 0;
}

function show(
  options: JsonOption,
  values: readonly unknown[],
  head: readonly string[],
  rows: readonly string[][],
): void {
  if (options.json === true) process.stdout.write(`${JSON.stringify(values)}\n`);
  else process.stdout.write(rows.length === 0 ? 'None.\n' : `${table(head, rows)}\n`);
}
