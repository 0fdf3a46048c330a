import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { problemOf, withStatus } from './errors.ts';

/** A recorded file that may be downloaded. */
export interface Download {
  readonly name: string;
  readonly ref: ArtifactRef;
}

/** Hashes files once, not for each range of a large download: a file that did not change since needs no second look. */
export function verifiedPaths(store: ArtifactStore): (ref: ArtifactRef) => Promise<string> {
  const seen = new Map<string, string>();
  return async (ref) => {
    const known = seen.get(ref.sha256);
    if (known !== undefined) {
      const [path, stamp] = JSON.parse(known) as [string, string];
      if ((await stampOf(path)) === stamp) return path;
    }
    const path = await store.localPath(ref);
    seen.set(ref.sha256, JSON.stringify([path, await stampOf(path)]));
    return path;
  };
}

async function stampOf(path: string): Promise<string | null> {
  const found = await stat(path).catch(() => null);
  return found === null ? null : `${found.ino}:${found.size}:${found.mtimeMs}`;
}

/** Sends a file whole, or one range of it (RFC 9110, 14): 200, 206, 304 or 416. The ETag is its SHA-256. */
export function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  { name, ref }: Download,
  path: string,
): FastifyReply {
  const etag = `"${ref.sha256}"`;
  reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
    'content-type': contentTypeOf(name),
    'content-disposition': `attachment; filename="${name.replaceAll(/[^\w.-]/g, '_')}"; filename*=UTF-8''${encodeURIComponent(name)}`,
  });
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const ifRange = request.headers['if-range'];
  const fresh = ifRange === undefined || ifRange === etag;
  const range = fresh ? parseRange(request.headers.range, ref.bytes) : null;
  if (range === 'unsatisfiable') {
    const problem = problemOf(
      withStatus(416, new VoxhelmError('invalid-request', `the file has ${ref.bytes} bytes; Range asks beyond`)),
      request.url,
    );
    return reply
      .code(416)
      .headers({ 'content-range': `bytes */${ref.bytes}`, 'content-disposition': 'inline' })
      .type('application/problem+json')
      .send(JSON.stringify(problem));
  }
  if (range === null) {
    // Fastify would read the whole file for a HEAD, to throw it away.
    const body = request.method === 'HEAD' ? Readable.from([]) : createReadStream(path);
    return reply.header('content-length', ref.bytes).send(body);
  }
  const { start, end } = range;
  return reply
    .code(206)
    .headers({ 'content-range': `bytes ${start}-${end}/${ref.bytes}`, 'content-length': end - start + 1 })
    .send(createReadStream(path, { start, end }));
}

/**
 * One byte range, both ends included; null for none, for several and for what is no range (all answered by the whole
 * file, which RFC 9110 allows).
 */
export function parseRange(
  header: string | undefined,
  bytes: number,
): { start: number; end: number } | 'unsatisfiable' | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const [from, to] = [match[1] ?? '', match[2] ?? ''];
  if (from === '') {
    const length = Number(to);
    return length === 0 || bytes === 0 ? 'unsatisfiable' : { start: Math.max(0, bytes - length), end: bytes - 1 };
  }
  const start = Number(from);
  const end = to === '' ? bytes - 1 : Math.min(Number(to), bytes - 1);
  if (to !== '' && Number(to) < start) return null;
  return start >= bytes ? 'unsatisfiable' : { start, end };
}

function matches(header: string | undefined, etag: string): boolean {
  return header !== undefined && header.split(',').some((each) => [etag, `W/${etag}`, '*'].includes(each.trim()));
}

function contentTypeOf(name: string): string {
  if (name.endsWith('.zip')) return 'application/zip';
  if (name.endsWith('.json')) return 'application/json';
  // A report is the user's own data in HTML: downloaded, never rendered under this origin (Content-Disposition, nosniff).
  if (name.endsWith('.html')) return 'text/html; charset=utf-8';
  return 'application/octet-stream';
}
