import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/*
 * Preprocessed cases on the trainer's disk, by content: the key is a hash of the files' bytes and of what the plan does to
 * them, so that an entry is never out of date and trials, folds and runs of the same data share it. A file is whole or not
 * there (temporary name, fsync, rename), and one that was damaged later is made again. Losing all of it costs time alone.
 */

/** Where entries lie, and how much they may take together. */
export interface CaseCacheSettings {
  readonly folder: string;
  readonly limitBytes: number;
}

/** One array on shared memory, with what says how to read it (plain JSON). */
export interface CacheEntry<Data extends Float32Array | Uint8Array = Float32Array | Uint8Array> {
  readonly data: Data;
  readonly about: unknown;
}

/** What became of a thread's look-ups. `failure`: why an entry could not be kept, the last one's reason. */
export interface CacheCounts {
  readonly found: number;
  readonly made: number;
  readonly failure: string | null;
}

/** Looks entries up and keeps what is missing. */
export interface CaseCache {
  /** The entry of a key, or what `make` makes, which is then kept. */
  get<Data extends Float32Array | Uint8Array>(key: string, make: () => CacheEntry<Data>): Promise<CacheEntry<Data>>;
  counts(): CacheCounts;
}

/** Changes whenever the same files and plan give other entries. */
const VERSION = 2;
const SUFFIX = '.case';
/** Length of the header and checksum of the data, 32 bits each, little-endian; then the header, then the data. */
const PREFIX_BYTES = 8;

/** The key of what is made of these files by these settings. */
export function contentKey(what: unknown, files: readonly Uint8Array[]): string {
  const hash = createHash('sha256').update(JSON.stringify([VERSION, what]));
  for (const bytes of files) hash.update(createHash('sha256').update(bytes).digest());
  return hash.digest('hex');
}

/** A cache in a folder; without settings nothing is kept. */
export function openCaseCache(settings: CaseCacheSettings | null): CaseCache {
  let found = 0;
  let made = 0;
  let failure: string | null = null;
  return {
    async get<Data extends Float32Array | Uint8Array>(key: string, make: () => CacheEntry<Data>) {
      if (settings === null) return make();
      const path = join(settings.folder, `${key}${SUFFIX}`);
      const known = await readEntry(path);
      if (known !== null) {
        found += 1;
        return known as CacheEntry<Data>;
      }
      const entry = make();
      made += 1;
      try {
        if (entry.data.byteLength <= settings.limitBytes) await writeEntry(path, settings.folder, entry);
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
      return entry;
    },
    counts: () => ({ found, made, failure }),
  };
}

/** Removes what was used longest ago until the rest fits the limit. Readers of a removed file keep it. */
export async function trimCaseCache({ folder, limitBytes }: CaseCacheSettings): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  const entries = await Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      const facts = await stat(path).catch(() => null);
      return facts === null ? [] : [{ path, bytes: facts.size, usedAt: facts.mtimeMs }];
    }),
  );
  let kept = 0;
  for (const { path, bytes } of entries.flat().sort((a, b) => b.usedAt - a.usedAt)) {
    kept += bytes;
    if (kept > limitBytes) await rm(path, { force: true });
  }
}

async function readEntry(path: string): Promise<CacheEntry | null> {
  const file = await open(path, 'r').catch(() => null);
  if (file === null) return null;
  try {
    const prefix = Buffer.alloc(PREFIX_BYTES);
    await file.read(prefix, 0, PREFIX_BYTES, 0);
    const headerBytes = prefix.readUInt32LE(0);
    const size = (await file.stat()).size;
    if (size < PREFIX_BYTES + headerBytes) return null;
    const header = Buffer.alloc(headerBytes);
    await file.read(header, 0, headerBytes, PREFIX_BYTES);
    const { kind, about } = JSON.parse(header.toString('utf8')) as { kind: 'f32' | 'u8'; about: unknown };
    const bytes = new Uint8Array(new SharedArrayBuffer(size - PREFIX_BYTES - headerBytes));
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, PREFIX_BYTES + headerBytes + at);
      if (bytesRead === 0) return null;
      at += bytesRead;
    }
    if (crc32(bytes) !== prefix.readUInt32LE(4)) return null;
    const now = new Date();
    await utimes(path, now, now).catch(() => undefined); // Only the order of removal hangs on it.
    return { data: kind === 'f32' ? new Float32Array(bytes.buffer) : bytes, about };
  } catch {
    return null; // Damaged: it is made again.
  } finally {
    await file.close();
  }
}

async function writeEntry(path: string, folder: string, { data, about }: CacheEntry): Promise<void> {
  await mkdir(folder, { recursive: true });
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const header = Buffer.from(JSON.stringify({ kind: data instanceof Float32Array ? 'f32' : 'u8', about }));
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32LE(header.length, 0);
  prefix.writeUInt32LE(crc32(bytes), 4);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(prefix);
      await file.writeFile(header);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
