import { createHash, timingSafeEqual } from 'node:crypto';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { isLoopback } from '@voxhelm/contracts/settings';
import type { FastifyRequest } from 'fastify';
import { withStatus } from './errors.ts';

/** What needs no key: everything beside /v1 (probes, documentation, the web UI's own files) holds nothing of the user's. */
const PUBLIC = /^\/(?!v1(\/|$))|^\/v1\/openapi\.json$/;

/**
 * The check before each request. With a key, every route but the public ones wants `Authorization: Bearer <key>`.
 * Without one (loopback only), a browser's page from elsewhere is refused: its requests carry a foreign Host (DNS
 * rebinding) or Origin (a form that posts across sites).
 */
export function authenticator(apiKey: string | undefined): (request: FastifyRequest) => Promise<void> {
  if (apiKey === undefined) return async (request) => checkLocal(request);
  const expected = digest(apiKey);
  return async (request) => {
    const path = request.url.split('?', 1)[0] ?? '';
    if (PUBLIC.test(path)) return;
    const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    throw new VoxhelmError(
      'unauthorized',
      given === undefined ? 'this service wants an API key' : 'the API key is wrong',
      {
        fix: 'Send "Authorization: Bearer <VOXHELM_API_KEY>".',
      },
    );
  };
}

function checkLocal(request: FastifyRequest): void {
  const { host, origin } = request.headers;
  const hostName = (host ?? '').replace(/:\d+$/, '');
  const foreign = !isLoopback(hostName) || (origin !== undefined && origin !== `http://${host}`);
  if (!foreign) return;
  throw withStatus(
    403,
    new VoxhelmError('unauthorized', 'without an API key this service answers only requests from its own machine', {
      fix: 'Set VOXHELM_API_KEY for the service and send it, or call it as http://127.0.0.1.',
    }),
  );
}

/** Equal lengths for timingSafeEqual, whatever was sent. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
