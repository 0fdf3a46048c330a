import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * Turns an answer into a stream of server-sent events, with the headers that hooks set. The signal aborts when the client
 * has gone or the service closes; whoever streams ends `reply.raw`.
 */
export function openEventStream(request: FastifyRequest, reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  request.raw.socket.once('close', () => gone.abort());
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Proxies must pass each event on at once.
    'x-accel-buffering': 'no',
  });
  reply.raw.write('retry: 2000\n\n');
  return AbortSignal.any([closing, gone.signal]);
}
