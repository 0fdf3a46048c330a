import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { RunDetail } from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { readSettings } from '@voxhelm/contracts/settings';
import { type ApiClient, createApiClient } from '../api-client.ts';
import type { JsonOption } from '../main.ts';
import { absoluteIfHere } from './submit.ts';

/** Downloads the ensemble bundle of a run, or of a dataset's present champion. */
export async function download(
  run: string | undefined,
  options: JsonOption & { output: string; champion?: string },
): Promise<number> {
  if ((run === undefined) === (options.champion === undefined)) {
    throw new VoxhelmError('invalid-request', 'download wants a run or --champion DATASET, one of them', {
      fix: 'npx voxhelm download RUN -o bundle.zip, or npx voxhelm download --champion DATASET -o bundle.zip',
    });
  }
  const client = createApiClient(readSettings());
  const saved =
    options.champion === undefined
      ? await downloadBundle(client, run ?? '', options.output)
      : await downloadChampion(client, options.champion, options.output);
  if (options.json === true) process.stdout.write(`${JSON.stringify(saved)}\n`);
  else process.stdout.write(`${saved.path}  ${(saved.bytes / 1e6).toFixed(1)} MB  SHA-256 ${saved.sha256}\n`);
  return 0;
}

/** What the file system says of a path that cannot be written. */
const WRITE_FAULTS: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOSPC',
]);

/** A file that was downloaded whole. */
export interface Saved {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Streams the bundle to a file; the file appears only when it is whole and has the SHA-256 that the API recorded. */
export async function downloadBundle(client: ApiClient, run: string, output: string): Promise<Saved> {
  const id = encodeURIComponent(run);
  const detail = await client.get(`/runs/${id}`, RunDetail);
  const recorded = detail.artifacts.find((artifact) => artifact.kind === 'ensemble-bundle');
  return save(await client.raw(`/runs/${id}/bundle`), `the bundle of ${run}`, recorded?.sha256 ?? null, output);
}

/** Streams the present champion's bundle from its stable address, whose ETag is the SHA-256 of what it gives now. */
async function downloadChampion(client: ApiClient, dataset: string, output: string): Promise<Saved> {
  const word = await absoluteIfHere(dataset, process.cwd());
  const response = await client.raw(`/datasets/${encodeURIComponent(word)}/champion/bundle`);
  const sha256 = response.headers.get('etag')?.replaceAll('"', '') ?? null;
  return save(response, `the champion of ${dataset}`, sha256, output);
}

async function save(response: Response, what: string, recorded: string | null, output: string): Promise<Saved> {
  const path = resolve(output);
  const temporary = `${path}.part`;
  const hash = createHash('sha256');
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      next(null, chunk);
    },
  });
  try {
    await pipeline(Readable.fromWeb(response.body as ReadableStream), count, createWriteStream(temporary));
    const sha256 = hash.digest('hex');
    if (recorded !== null && recorded !== sha256) {
      throw new VoxhelmError('storage', `${what} arrived with SHA-256 ${sha256}, recorded is ${recorded}`, {
        fix: 'Download it again.',
      });
    }
    await rename(temporary, path);
    return { path, bytes, sha256 };
  } catch (error) {
    await rm(temporary, { force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof VoxhelmError || !WRITE_FAULTS.has(code ?? '')) throw error;
    throw new VoxhelmError('storage', `${path} cannot be written: ${(error as Error).message}`, {
      fix: 'Give a file in a folder that exists and has room, after -o.',
      cause: error,
    });
  }
}
