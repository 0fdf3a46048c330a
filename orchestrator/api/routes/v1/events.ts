import { RunEvent } from '@voxhelm/contracts/api';
import { z } from 'zod';
import { fieldError } from '../../errors.ts';
import { eventsAfter, progressMessage, streamEvents } from '../../events.ts';
import { problemResponse } from '../../openapi.ts';
import { listOf } from '../../query.ts';
import type { App, Services } from '../../services.ts';
import { openEventStream } from '../../sse.ts';

/** Events in one JSON answer. */
const LIST_LIMIT = 1_000;

/** A run's events: live as server-sent events, or as a list. */
export function eventRoutes(app: App, { database, eventPollMs }: Services): void {
  const closing = new AbortController();
  // Before the listening socket closes: streams would hold it open.
  app.addHook('preClose', async () => closing.abort());

  app.get(
    '/runs/:id/events',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['runs'],
        summary: "A run's events, live",
        description:
          'Server-sent events: every recorded event once, in order, with its id; `progress` about once a second, without ' +
          'id, with the run and its running trials; ends after the last event of a run that is over. Resumes after ' +
          '`Last-Event-ID`. With `Accept: application/json`, the events recorded so far as a list (at most 1,000).',
        params: z.object({ id: z.string() }),
        querystring: z.strictObject({
          /** As Last-Event-ID, for clients that cannot set a header. */
          after: z.coerce.number().int().nonnegative().optional(),
          /** Series ("loss,dice") of which new points come as `metrics` messages, without id. */
          metrics: listOf(z.string().min(1)).optional(),
        }),
        headers: z.object({ 'last-event-id': z.string().optional(), accept: z.string().optional() }),
        response: {
          200: {
            description: 'The events',
            content: {
              'text/event-stream': { schema: z.string() },
              'application/json': { schema: z.array(RunEvent) },
            },
          },
          ...problemResponse,
        },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const afterId = lastEventId(request.headers['last-event-id'], request.query.after);
      // Throws while a problem document can still be sent.
      await progressMessage(database, id);
      if (wantsJson(request.headers.accept)) {
        return reply.type('application/json').send(await eventsAfter(database, id, afterId, LIST_LIMIT));
      }
      const signal = openEventStream(request, reply, closing.signal);
      try {
        const series = request.query.metrics;
        await streamEvents(reply.raw, {
          database,
          runId: id,
          afterId,
          pollMs: eventPollMs,
          signal,
          ...(series === undefined ? {} : { series }),
        });
      } catch (error) {
        request.log.debug({ err: error }, 'event stream ended early');
      }
      reply.raw.end();
      return reply;
    },
  );
}

function wantsJson(accept: string | undefined): boolean {
  return accept !== undefined && /\bapplication\/json\b/.test(accept) && !/\btext\/event-stream\b/.test(accept);
}

function lastEventId(header: string | undefined, query: number | undefined): bigint {
  if (header === undefined || header === '') return BigInt(query ?? 0);
  if (!/^\d{1,18}$/.test(header)) throw fieldError('/Last-Event-ID', 'must be an event id of this stream');
  return BigInt(header);
}
