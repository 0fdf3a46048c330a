import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { endingOf } from '@voxhelm/imaging/datasets/dataset-paths';
import { folderStore } from '@voxhelm/storage/artifact-store';

/*
 * Labels on disk. Every version of a label that is given or replaced is kept by its content in the dataset's own folder,
 * `labelVersions/CASE/SHA256.nii.gz`; the one that counts lies where the dataset has always had it.
 */

const VERSIONS = 'labelVersions';

/** The files of one dataset's labels. Writing throws `conflict` where its folder must not be written. */
export interface LabelFiles {
  /** Keeps a version and tells its SHA-256; `like` is the label's place, whose ending (.nii or .nii.gz) it gets. */
  keep(caseId: string, bytes: Uint8Array, like: string): Promise<string>;
  /** Keeps the label that lies at its place now and tells its SHA-256; null where there is none. */
  keepPresent(caseId: string, path: string): Promise<string | null>;
  /** Makes a kept version the label, in one step. */
  place(caseId: string, sha256: string, path: string): Promise<void>;
  /** Writes an image of a new case to its place below the root. */
  write(place: string, bytes: Uint8Array): Promise<void>;
}

/** The label files of the dataset that lies at `root`. */
export function labelFiles(root: string): LabelFiles {
  const store = folderStore(root);
  const versionOf = (caseId: string, sha256: string, path: string): string =>
    `${VERSIONS}/${caseId}/${sha256}${endingOf(path)}`;

  async function write(key: string, bytes: Uint8Array): Promise<void> {
    try {
      await store.write(key, bytes);
    } catch (error) {
      throw writeRefused(root, error);
    }
  }
  async function keepBytes(caseId: string, bytes: Uint8Array, path: string): Promise<string> {
    const sha256 = hashOf(bytes);
    const key = versionOf(caseId, sha256, path);
    // A version of this name is this content; one that was damaged since is written again.
    if ((await store.find(key))?.sha256 !== sha256) await write(key, bytes);
    return sha256;
  }
  return {
    keep: async (caseId, bytes, like) => keepBytes(caseId, await withEnding(bytes, endingOf(like)), like),
    async keepPresent(caseId, path) {
      const present = await readIfThere(path);
      return present === null ? null : keepBytes(caseId, present, path);
    },
    async place(caseId, sha256, path) {
      const present = await readIfThere(path);
      if (present !== null && hashOf(present) === sha256) return;
      await write(relative(root, path), await readFile(join(root, versionOf(caseId, sha256, path))));
    },
    write: async (place, bytes) => write(place, await withEnding(bytes, endingOf(place))),
  };
}

/** A file's content; null where it is not there. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The same image compressed or not, as the file's ending says. Its content must have been checked: it is unpacked whole. */
export async function withEnding(bytes: Uint8Array, ending: '.nii' | '.nii.gz'): Promise<Uint8Array> {
  const compressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (compressed === (ending === '.nii.gz')) return bytes;
  return compressed ? promisify(gunzip)(bytes) : promisify(gzip)(bytes);
}

/** SHA-256 of bytes, in hex. */
export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

const FORBIDDEN = new Set(['EACCES', 'EPERM', 'EROFS']);

function writeRefused(root: string, error: unknown): unknown {
  const cause = error instanceof VoxhelmError ? error.cause : error;
  if (!FORBIDDEN.has((cause as NodeJS.ErrnoException | undefined)?.code ?? '')) return error;
  return new VoxhelmError('conflict', `the dataset's folder ${root} must not be written by this service`, {
    fix: 'Let it write there, or put the files there by hand: the next look of a schedule finds them.',
    cause: error,
  });
}
