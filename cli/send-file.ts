import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { basename } from 'node:path';
import type { UploadedFile } from '@voxhelm/contracts/api-predictions';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ApiClient } from './api-client.ts';

/** Uploads a file (tus 1.0, in one request) and says under which hash the service now has it. */
export async function sendFile(client: ApiClient, path: string): Promise<UploadedFile> {
  const file = await read(path, () => openAsBlob(path));
  const sha256 = await read(path, () => hashOf(path));
  await client.raw('/uploads/files', {
    method: 'POST',
    headers: {
      'tus-resumable': '1.0.0',
      'upload-length': String(file.size),
      'upload-metadata': `sha256 ${Buffer.from(sha256).toString('base64')}`,
      'content-type': 'application/offset+octet-stream',
    },
    body: file,
  });
  return { name: basename(path), sha256, bytes: file.size };
}

async function read<T>(path: string, how: () => Promise<T>): Promise<T> {
  try {
    return await how();
  } catch (error) {
    throw new VoxhelmError('invalid-request', `${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
