import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, sep } from 'node:path';
import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { z } from 'zod';

/**
 * Where results lie: checkpoints, predictions, plans, bundles. A key is visible only when its content is whole and on disk
 * (written to a temporary name, fsynced, renamed, folder fsynced), and every read checks the recorded SHA-256.
 */
export interface ArtifactStore {
  /** Writes bytes under a key; what stood there before is replaced in one step. */
  write(key: string, bytes: Uint8Array): Promise<ArtifactRef>;
  /** Moves a finished local file into the store (copied where it lies on another disk). */
  writeFile(key: string, path: string): Promise<ArtifactRef>;
  /** Reads a whole artifact; throws `storage` where it is missing or has another hash than recorded. */
  read(ref: ArtifactRef): Promise<Buffer>;
  /** A local path of the artifact, after checking its hash. */
  localPath(ref: ArtifactRef): Promise<string>;
  /** The reference of what stands under a key now, or null. */
  find(key: string): Promise<ArtifactRef | null>;
  /** What stands under a key now, whichever version it is (a log that is still written); null where nothing does. */
  peek(key: string): Promise<Buffer | null>;
  remove(key: string): Promise<void>;
}

/** An artifact store in a folder, for one machine or a shared file system. */
export function folderStore(root: string): ArtifactStore {
  const pathOf = (key: string): string => join(root, safeKey(key));

  async function write(key: string, bytes: Uint8Array): Promise<ArtifactRef> {
    const target = pathOf(key);
    await mkdir(dirname(target), { recursive: true });
    const temporary = temporaryName(target);
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await publish(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw storageError(`cannot write artifact "${key}" (${bytes.byteLength} bytes) to ${root}`, error);
    }
    return { uri: key, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength };
  }

  async function writeFile(key: string, path: string): Promise<ArtifactRef> {
    const target = pathOf(key);
    await mkdir(dirname(target), { recursive: true });
    const temporary = temporaryName(target);
    try {
      await copyFile(path, temporary);
      const file = await open(temporary, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      const ref = { uri: key, ...(await hashFile(temporary)) };
      await publish(temporary, target);
      return ref;
    } catch (error) {
      await rm(temporary, { force: true });
      throw storageError(`cannot write artifact "${key}" from ${path} to ${root}`, error);
    }
  }

  async function read(ref: ArtifactRef): Promise<Buffer> {
    let bytes: Buffer;
    try {
      bytes = await readFile(pathOf(ref.uri));
    } catch (error) {
      throw storageError(`artifact "${ref.uri}" cannot be read from ${root}`, error);
    }
    checkHash(ref, createHash('sha256').update(bytes).digest('hex'));
    return bytes;
  }

  async function localPath(ref: ArtifactRef): Promise<string> {
    const path = pathOf(ref.uri);
    try {
      checkHash(ref, (await hashFile(path)).sha256);
    } catch (error) {
      if (error instanceof VoxhelmError) throw error;
      throw storageError(`artifact "${ref.uri}" cannot be read from ${root}`, error);
    }
    return path;
  }

  async function find(key: string): Promise<ArtifactRef | null> {
    try {
      await stat(pathOf(key));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw storageError(`artifact "${key}" cannot be read from ${root}`, error);
    }
    return { uri: key, ...(await hashFile(pathOf(key))) };
  }

  async function peek(key: string): Promise<Buffer | null> {
    try {
      return await readFile(pathOf(key));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw storageError(`artifact "${key}" cannot be read from ${root}`, error);
    }
  }

  return { write, writeFile, read, localPath, find, peek, remove: (key) => rm(pathOf(key), { force: true }) };
}

/**
 * The store that `VOXHELM_ARTIFACTS` names. Only folders are served today; an `s3://` address is refused by name rather
 * than taken for a folder.
 */
export function openArtifactStore(address: string): ArtifactStore {
  if (/^[a-z0-9]+:\/\//.test(address) && !address.startsWith('file://')) {
    throw new VoxhelmError('invalid-request', `VOXHELM_ARTIFACTS is "${address}", but only a folder is supported`, {
      fix: 'Set VOXHELM_ARTIFACTS to a folder that every process can reach (a shared file system for several hosts).',
    });
  }
  return folderStore(address.startsWith('file://') ? new URL(address).pathname : address);
}

/** Writes a value as JSON. */
export function writeJson(store: ArtifactStore, key: string, value: unknown): Promise<ArtifactRef> {
  return store.write(key, Buffer.from(`${JSON.stringify(value, null, 1)}\n`));
}

/** Reads JSON and parses it by its schema; throws `storage` naming the artifact and the fields that are wrong. */
export async function readJson<S extends z.ZodType>(
  store: ArtifactStore,
  ref: ArtifactRef,
  schema: S,
): Promise<z.infer<S>> {
  const bytes = await store.read(ref);
  const parsed = schema.safeParse(JSON.parse(bytes.toString('utf8')));
  if (!parsed.success)
    throw new VoxhelmError('storage', `artifact "${ref.uri}" does not fit its schema: ${parsed.error.message}`);
  return parsed.data as z.infer<S>;
}

/** SHA-256 and size of a file, streamed. */
export async function hashFile(path: string): Promise<{ sha256: string; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.byteLength;
  }
  return { sha256: hash.digest('hex'), bytes };
}

/** A key may not leave the store: no absolute path, no "..", no NUL. */
function safeKey(key: string): string {
  const clean = normalize(key);
  if (key === '' || key.includes('\0') || isAbsolute(key) || clean.split(sep).includes('..')) {
    throw new VoxhelmError('invalid-request', `"${key}" is no key of an artifact`);
  }
  return clean;
}

function temporaryName(target: string): string {
  return `${target}.${process.pid}.${randomUUID()}.tmp`;
}

async function publish(temporary: string, target: string): Promise<void> {
  await rename(temporary, target);
  const folder = await open(dirname(target), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function checkHash(ref: ArtifactRef, sha256: string): void {
  if (sha256 !== ref.sha256) {
    throw new VoxhelmError('storage', `artifact "${ref.uri}" has SHA-256 ${sha256}, recorded is ${ref.sha256}`, {
      fix: 'The file was changed or damaged after it was written; restore it from a backup or run again.',
    });
  }
}

function storageError(message: string, cause: unknown): VoxhelmError {
  if (cause instanceof VoxhelmError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new VoxhelmError('storage', `${message}: ${reason}`, {
    cause,
    fix: 'Check that the folder exists, is writable and has free space.',
  });
}
