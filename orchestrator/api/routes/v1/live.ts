import { RunsMessage } from '@voxhelm/contracts/api-live';
import { streamRuns } from '../../live.ts';
import { problemResponse } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';
import { openEventStream } from '../../sse.ts';

/** All runs, live. */
export function liveRoutes(app: App, { database, eventPollMs }: Services): void {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());

  app.get(
    '/live',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['runs'],
        summary: 'All runs, live',
        description:
          'Server-sent events: a `runs` message with the newest runs and all that are open, then one about each second ' +
          'with those that are new or changed.',
        response: {
          200: { description: 'The messages', content: { 'text/event-stream': { schema: RunsMessage } } },
          ...problemResponse,
        },
      },
    },
    async (request, reply) => {
      await database.$queryRaw`SELECT 1`; // A problem document can still be sent.
      const signal = openEventStream(request, reply, closing.signal);
      try {
        await streamRuns(reply.raw, { database, pollMs: eventPollMs, signal });
      } catch (error) {
        request.log.debug({ err: error }, 'event stream ended early');
      }
      reply.raw.end();
      return reply;
    },
  );
}
