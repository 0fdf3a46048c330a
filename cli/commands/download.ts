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

/** Downloads the ensemble bundle of a run. */
export async function download(run: string, options: JsonOption & { output: string }): Promise<number> {
  const saved = await downloadBundle(createApiClient(readSettings()), run, options.output);
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

/** Streams the bundle to a file; the file appears only when it is whole and has the SHA-256 that the API recorded. */
export async function downloadBundle(
  client: ApiClient,
  run: string,
  output: string,
): Promise<{ path: string; bytes: number; sha256: string }> {
  const id = encodeURIComponent(run);
  const detail = await client.get(`/runs/${id}`, RunDetail);
  const recorded = detail.artifacts.find((artifact) => artifact.kind === 'ensemble-bundle');
  const response = await client.raw(`/runs/${id}/bundle`);
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
    if (recorded !== undefined && recorded.sha256 !== sha256) {
      throw new VoxhelmError(
        'storage',
        `the bundle of ${run} arrived with SHA-256 ${sha256}, recorded is ${recorded.sha256}`,
        { fix: 'Download it again.' },
      );
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
