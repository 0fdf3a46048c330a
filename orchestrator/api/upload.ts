import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Parser, type ReadEntry } from 'tar';
import { openPromise } from 'yauzl';
import { withStatus } from './errors.ts';

/** How much an uploaded archive may take, so that no upload fills the disk. */
export interface UploadLimits {
  readonly archiveBytes: number;
  readonly unpackedBytes: number;
  readonly entries: number;
  /** Unpacked bytes for each byte of the archive (beside one GiB that any archive may have). */
  readonly ratio: number;
}

const GIB = 2 ** 30;

/** Above any public dataset (the Decathlon's largest task is 27 GB packed); raw label maps pack about 100 to 1. */
export const UPLOAD_LIMITS: UploadLimits = {
  archiveBytes: 128 * GIB,
  unpackedBytes: 512 * GIB,
  entries: 500_000,
  ratio: 200,
};

/** Disk space that an upload leaves free. */
const RESERVE_BYTES = GIB;

/** What macOS adds to archives: "._case.nii.gz" is no image, yet ends like one. */
const MACOS_JUNK = /(^|\/)(__MACOSX(\/|$)|\._|\.DS_Store$)/;

/** Ends the name of a folder in which an upload is still being received. */
const INCOMING = '.incoming';

/** An unpacked archive: where its dataset lies, and the SHA-256 of the archive itself. */
export interface ReceivedArchive {
  readonly path: string;
  readonly sha256: string;
}

/** Removes what uploads left that died with their process more than a day ago. */
export async function removeStaleUploads(datasets: string, nowMs: number = Date.now()): Promise<void> {
  const names = await readdir(datasets).catch(() => []);
  for (const name of names.filter((each) => each.endsWith(INCOMING))) {
    const path = join(datasets, name);
    const found = await stat(path).catch(() => null);
    if (found !== null && nowMs - found.mtimeMs > 24 * 3_600_000) await rm(path, { recursive: true, force: true });
  }
}

/**
 * Streams an uploaded archive to disk and unpacks it under `folder`; returns the path of the dataset in it. Whatever fails,
 * nothing is left behind. Throws `invalid-request` for what is no safe .zip or .tar.gz (a path that leaves the folder, a
 * link, more than the limits).
 */
export async function receiveArchive(
  body: Readable & { truncated?: boolean },
  fileName: string,
  folder: string,
  limits: UploadLimits,
): Promise<ReceivedArchive> {
  const unpack = unpackerOf(fileName);
  await mkdir(dirname(folder), { recursive: true });
  const temporary = `${folder}${INCOMING}`;
  const hash = createHash('sha256');
  try {
    await mkdir(temporary);
    const archive = join(temporary, 'archive');
    const budget = await roomOf(temporary);
    const room = Math.min(limits.archiveBytes, budget);
    await pipeline(body, counter(room, 'the archive', hash), createWriteStream(archive));
    const { size } = await stat(archive);
    const unpackedBytes = Math.min(limits.unpackedBytes, await roomOf(temporary), size * limits.ratio + GIB);
    await unpack(archive, join(temporary, 'data'), { ...limits, unpackedBytes });
    await rm(archive);
    await rename(join(temporary, 'data'), folder);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return { path: await datasetRoot(folder), sha256: hash.digest('hex') };
}

type Unpacker = (archive: string, target: string, limits: UploadLimits) => Promise<void>;

function unpackerOf(fileName: string): Unpacker {
  if (/\.zip$/i.test(fileName)) return unpackZip;
  if (/\.(tar|tar\.gz|tgz)$/i.test(fileName)) return unpackTar;
  throw refused(`"${fileName}" is neither .zip nor .tar.gz`);
}

/** Unpacks a zip into a new folder. */
export async function unpackZip(archive: string, target: string, limits: UploadLimits): Promise<void> {
  const files = fileWriter(target, limits);
  await mkdir(target);
  try {
    const zip = await openPromise(archive, { strictFileNames: true });
    for await (const entry of zip.eachEntry()) {
      const type = (entry.externalFileAttributes >>> 16) & 0o170000;
      if (type !== 0 && type !== 0o100000 && type !== 0o040000)
        throw refused(`"${entry.fileName}" is a link or a device`);
      if ((entry.generalPurposeBitFlag & 1) !== 0) throw refused(`"${entry.fileName}" is encrypted`);
      if (entry.fileName.endsWith('/')) files.checkFolder(entry.fileName);
      else await files.write(entry.fileName, await zip.openReadStreamPromise(entry));
    }
  } catch (error) {
    throw unreadable(error, 'zip');
  }
}

/** Unpacks a tar, compressed by gzip or not, into a new folder. */
export async function unpackTar(archive: string, target: string, limits: UploadLimits): Promise<void> {
  const stopped = new AbortController();
  const files = fileWriter(target, limits, stopped.signal);
  await mkdir(target);
  const parser = new Parser({ strict: true, maxMetaEntrySize: 1024 * 1024 });
  let fail: (error: unknown) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  // Whoever waits sees the rejection; where nobody does, it is no unhandled one.
  failed.catch(() => undefined);
  let writing: Promise<void> = Promise.resolve();
  let refusal: unknown;
  parser.on('error', (error: unknown) => fail(error));
  parser.on('entry', (entry: ReadEntry) => {
    writing = takeTarEntry(entry, files);
    writing.catch((error: unknown) => {
      refusal ??= error;
      fail(error);
    });
  });
  try {
    for await (const chunk of createReadStream(archive)) {
      if (!parser.write(chunk as Buffer)) await Promise.race([once(parser, 'drain'), failed]);
    }
    parser.end();
    await Promise.race([writing, failed]);
  } catch (error) {
    // An entry that was cut would wait for its rest for ever.
    await setImmediate(); // the parser complains of a writer that left before the writer says why
    const cause = refusal ?? error;
    stopped.abort();
    throw unreadable(cause, 'tar');
  }
}

async function takeTarEntry(entry: ReadEntry, files: FileWriter): Promise<void> {
  if (entry.type === 'Directory' || entry.type === 'GNUDumpDir') {
    files.checkFolder(entry.path);
    entry.resume();
    return;
  }
  if (entry.type !== 'File' && entry.type !== 'OldFile' && entry.type !== 'ContiguousFile') {
    throw refused(`"${entry.path}" is a ${entry.type}, not a file`);
  }
  await files.write(entry.path, entry);
}

interface FileWriter {
  checkFolder(path: string): void;
  write(path: string, content: AsyncIterable<Buffer>): Promise<void>;
}

/** Writes entries below one folder, within the limits over all of them. */
function fileWriter(target: string, limits: UploadLimits, signal?: AbortSignal): FileWriter {
  let entries = 0;
  const bytes = { left: limits.unpackedBytes };

  function check(path: string): void {
    entries += 1;
    if (entries > limits.entries) throw tooLarge(`the archive has more than ${limits.entries} entries`);
    const parts = path.split('/');
    const leaves = path.startsWith('/') || /^[a-z]:/i.test(path) || parts.includes('..');
    if (leaves || path.includes('\\') || path.includes('\0') || path === '') {
      throw refused(`the path "${path}" leaves the archive's own folder`);
    }
  }

  async function write(path: string, content: AsyncIterable<Buffer>): Promise<void> {
    check(path);
    if (MACOS_JUNK.test(path)) {
      for await (const chunk of content) void chunk;
      return;
    }
    const file = join(target, path);
    await mkdir(dirname(file), { recursive: true });
    // "wx": a second entry of the same name is refused, not taken for the first.
    await pipeline(
      content,
      counter(bytes, 'the unpacked archive'),
      createWriteStream(file, { flags: 'wx', mode: 0o644 }),
      signal === undefined ? {} : { signal },
    );
  }

  return { checkFolder: check, write };
}

/** Passes bytes on until a limit is reached; several share one limit by sharing the object. */
function counter(limit: number | { left: number }, what: string, hash?: Hash): Transform {
  const room = typeof limit === 'number' ? { left: limit } : limit;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      room.left -= chunk.byteLength;
      hash?.update(chunk);
      if (room.left < 0) done(tooLarge(`${what} is larger than this service accepts`));
      else done(null, chunk);
    },
  });
}

async function roomOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return Math.max(0, bavail * bsize - RESERVE_BYTES);
}

/** Archives of a dataset hold it directly or in one folder (as the Decathlon's do). */
async function datasetRoot(folder: string): Promise<string> {
  const entries = await readdir(folder, { withFileTypes: true });
  const [only] = entries;
  if (only === undefined) throw refused('the archive is empty');
  return entries.length === 1 && only.isDirectory() && !/^(images|labels)T[rs]$/.test(only.name)
    ? datasetRoot(join(folder, only.name))
    : folder;
}

function refused(why: string): VoxhelmError {
  return new VoxhelmError('invalid-request', `the archive is refused: ${why}`, {
    fix: 'Pack the dataset folder as a plain .zip or .tar.gz of files and folders, without links.',
    details: { errors: [{ pointer: '/archive', message: why }] },
  });
}

function tooLarge(why: string): VoxhelmError {
  return withStatus(
    413,
    new VoxhelmError('invalid-request', why, {
      fix: 'Copy the dataset to the server and register its folder instead.',
      details: { errors: [{ pointer: '/archive', message: why }] },
    }),
  );
}

function unreadable(error: unknown, kind: string): VoxhelmError {
  if (error instanceof VoxhelmError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new VoxhelmError('storage', `no room to unpack the archive: ${message}`, { cause: error });
  }
  // tar's own guard against gzip bombs, which may see one before our limits do.
  if (/max decompression ratio/.test(message)) return tooLarge(`the archive is no dataset: ${message}`);
  return refused(`it cannot be read as ${kind}: ${message}`);
}
