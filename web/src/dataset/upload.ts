import type { DatasetView, Problem } from '@voxhelm/contracts/api';
import type { UploadFile, UploadView } from '@voxhelm/contracts/api-uploads';
import { DetailedError, Upload } from 'tus-js-client';
import { send } from '../api/client.ts';
import { readKey } from '../api/key.ts';
import { failure } from '../api/problem.ts';
import type { Checking } from './use-check.ts';

/** How far an upload is. `files` are those that have to be sent. */
export interface Uploading {
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sent: number }[];
  /** Files that the server had already. */
  readonly known: number;
}

/** Bytes a request carries: what a broken connection costs at most. */
const CHUNK_BYTES = 8 * 1024 * 1024;
const AT_ONCE = 3;
/** Waits before trying again; then the user is told. */
const RETRIES_MS = [0, 500, 1_000, 3_000, 5_000, 10_000, 20_000];

/** Sends what the server does not have, and makes the dataset. Files that were half sent before go on where they stopped. */
export async function uploadDataset(
  { files, hashes, choices }: Checking,
  given: { readonly name: string; readonly modality?: unknown; readonly labels?: unknown },
  onProgress: (state: Uploading) => void,
): Promise<DatasetView> {
  const listed: UploadFile[] = files.map(({ path, file }) => ({
    path,
    bytes: file.size,
    sha256: hashes.get(path) ?? '',
  }));
  const upload = await send<UploadView>('POST', '/v1/uploads', { ...given, files: listed, choices });
  const queue = upload.missing.map(({ sha256, bytes }) => {
    const index = listed.findIndex((each) => each.sha256 === sha256);
    return { sha256, bytes, path: files[index]?.path ?? '', blob: files[index]?.file as Blob, sent: 0 };
  });
  const tell = (): void =>
    onProgress({
      files: queue.map(({ path, bytes, sent }) => ({ path, bytes, sent })),
      known: files.length - queue.length,
    });
  tell();
  const waiting = [...queue];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const one = next;
        await sendFile(
          upload.href,
          one.blob,
          one.sha256,
          (sent) => {
            one.sent = sent;
            tell();
          },
          one.path,
        );
      }
    }),
  );
  return send<DatasetView>('POST', `/v1/uploads/${upload.id}/complete`);
}

/** Sends one file, from where an earlier attempt stopped; what the server has already is not sent again where it says so. */
export async function sendFile(
  href: string,
  blob: Blob,
  sha256: string,
  onSent: (bytes: number) => void = () => undefined,
  name = 'The file',
): Promise<void> {
  const key = readKey();
  await new Promise<void>((resolve, reject) => {
    const upload = new Upload(blob, {
      endpoint: href,
      metadata: { sha256 },
      chunkSize: CHUNK_BYTES,
      retryDelays: RETRIES_MS,
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
      // By content: the same file goes on wherever it lies.
      fingerprint: () => Promise.resolve(`voxhelm-${sha256}`),
      removeFingerprintOnSuccess: true,
      onProgress: onSent,
      onSuccess: () => {
        onSent(blob.size);
        resolve();
      },
      onError: (error) => {
        // A computer without a network is waited for: the library itself would not try again before it has one.
        if (navigator.onLine || wasRefused(error)) reject(uploadFailure(name, error));
        else addEventListener('online', () => upload.start(), { once: true });
      },
    });
    upload.findPreviousUploads().then((known) => {
      const [last] = known;
      if (last !== undefined) upload.resumeFromPreviousUpload(last);
      upload.start();
    }, reject);
  });
}

/** True where the service answered and would answer the same again. */
function wasRefused(error: Error): boolean {
  return error instanceof DetailedError && error.originalResponse !== null;
}

/** What the service said of a file that it did not take, or that the connection broke; and that trying again costs little. */
function uploadFailure(name: string, error: Error): Error {
  const body = error instanceof DetailedError ? error.originalResponse?.getBody() : undefined;
  const problem = problemOf(body ?? '');
  return failure(
    `${name} could not be sent: ${problem?.detail ?? 'the connection to the service broke'}.`,
    problem?.fix ?? 'Try again: what has arrived is not sent again, and a file that was half sent goes on there.',
  );
}

function problemOf(body: string): Partial<Problem> | null {
  try {
    return JSON.parse(body) as Partial<Problem>;
  } catch {
    return null;
  }
}
