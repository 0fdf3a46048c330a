import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './services.ts';

/** Where infra/setup/web.mjs puts the built web UI. */
export const WEB_UI_FOLDER = fileURLToPath(new URL('../../web/dist', import.meta.url));

/**
 * Scripts and styles of this origin alone and none inline; WebAssembly for the volume viewer's decoders; blobs for images
 * that the page made itself. Nothing is fetched from elsewhere.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "font-src 'self'",
  "connect-src 'self' blob: data:",
  "worker-src 'self' blob:",
  "manifest-src 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const PAGE_HEADERS = {
  'content-security-policy': POLICY,
  // Isolated, so that the dataset check may share memory between its threads.
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
} as const;

/** Names under /assets hold their content's hash. */
const FOR_EVER = 'public, max-age=31536000, immutable';

/** Serves the built web UI: its files, and its page for every address that is neither the API's nor the documentation's. */
export async function registerWebUi(app: App, folder: string): Promise<void> {
  if (!existsSync(join(folder, 'index.html'))) {
    app.get('/', { schema: { hide: true } }, (_, reply) =>
      reply
        .code(503)
        .type('text/plain; charset=utf-8')
        .send('The web UI is not built. Run `npm run setup`, then load this page again. The API is at /docs.\n'),
    );
    return;
  }
  await app.register(fastifyStatic, {
    root: folder,
    wildcard: false,
    preCompressed: true,
    cacheControl: false,
    setHeaders: (reply, path) => {
      for (const [name, value] of Object.entries(PAGE_HEADERS)) reply.header(name, value);
      reply.header('cache-control', path.includes('/assets/') ? FOR_EVER : 'no-cache');
    },
  });
}

/** Answers with the page where a browser asks for an address of the web UI; false where the request is none. */
export function sendPage(request: FastifyRequest, reply: FastifyReply): boolean {
  const path = request.url.split('?', 1)[0] ?? '';
  const wanted = request.method === 'GET' && /\btext\/html\b/.test(request.headers.accept ?? '');
  if (!wanted || /^\/(v1|docs|assets)(\/|$)/.test(path) || !('sendFile' in reply)) return false;
  void reply.code(200).sendFile('index.html');
  return true;
}
