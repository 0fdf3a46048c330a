import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UploadCreate, type UploadFile } from '@voxhelm/contracts/api-uploads';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { fieldError, notFound } from './errors.ts';

/** In a dataset's folder: what was changed before it was sent, a line each. */
export const CHOICES_FILE = 'voxhelm-choices.txt';

/** Uploaded files by their SHA-256, and the uploads that will be datasets of them. */
export interface ContentStore {
  /** Where tus leaves what is still coming. */
  readonly incoming: string;
  has(sha256: string, bytes: number): Promise<boolean>;
  /** The local path of an uploaded file. Throws `conflict` where it has not come. */
  path(file: { readonly name: string; readonly sha256: string; readonly bytes: number }): Promise<string>;
  /** Takes a received file over. Throws `invalid-request` where its content has another hash. */
  take(path: string, sha256: string): Promise<void>;
  /** Forgets an uploaded file that no dataset has; an upload that still wants it is told that it has not come. */
  release(sha256: string): Promise<void>;
  save(id: string, upload: UploadCreate): Promise<void>;
  load(id: string): Promise<UploadCreate>;
  /** Lays the files out as a dataset in a new folder. Throws `conflict` where some are still missing. */
  layOut(upload: UploadCreate, folder: string): Promise<void>;
}

const ID = /^up_[0-9a-z]+$/;

/** A content store under `<home>/uploads`. */
export function contentStore(home: string): ContentStore {
  const root = join(home, 'uploads');
  const pathOf = (sha256: string): string => join(root, 'content', sha256.slice(0, 2), sha256);
  const recordOf = (id: string): string => {
    if (!ID.test(id)) throw notFound('upload', id);
    return join(root, 'open', `${id}.json`);
  };

  async function has(sha256: string, bytes: number): Promise<boolean> {
    const found = await stat(pathOf(sha256)).catch(() => null);
    return found?.size === bytes;
  }

  return {
    incoming: join(root, 'incoming'),
    has,
    async path({ name, sha256, bytes }) {
      if (await has(sha256, bytes)) return pathOf(sha256);
      throw new VoxhelmError('conflict', `${name} (SHA-256 ${sha256}) has not been uploaded`, {
        fix: 'Send it to /v1/uploads/files first.',
      });
    },
    async release(sha256) {
      const found = await stat(pathOf(sha256)).catch(() => null);
      if (found?.nlink === 1) await rm(pathOf(sha256), { force: true });
    },
    async take(path, sha256) {
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk);
      const found = hash.digest('hex');
      if (found !== sha256) {
        throw fieldError('/sha256', `the file that came has SHA-256 ${found}, announced was ${sha256}`, {
          fix: 'Send the file again; it may have changed while it was sent.',
        });
      }
      await mkdir(dirname(pathOf(sha256)), { recursive: true });
      await rename(path, pathOf(sha256));
    },
    async save(id, upload) {
      const path = recordOf(id);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, JSON.stringify(upload));
    },
    async load(id) {
      const text = await readFile(recordOf(id), 'utf8').catch(() => null);
      if (text === null) throw notFound('upload', id);
      return UploadCreate.parse(JSON.parse(text));
    },
    async layOut(upload, folder) {
      const missing: UploadFile[] = [];
      for (const file of upload.files) if (!(await has(file.sha256, file.bytes))) missing.push(file);
      if (missing.length > 0) {
        throw new VoxhelmError(
          'conflict',
          `${missing.length} files have not come yet, the first is ${missing[0]?.path}`,
          {
            fix: 'Send them, then complete the upload.',
          },
        );
      }
      const temporary = `${folder}.incoming`;
      await rm(temporary, { recursive: true, force: true });
      try {
        await mkdir(temporary, { recursive: true });
        for (const { path, sha256 } of upload.files) await place(pathOf(sha256), join(temporary, path));
        if (upload.choices.length > 0) {
          await writeFile(join(temporary, CHOICES_FILE), `${upload.choices.join('\n')}\n`);
        }
        await rename(temporary, folder);
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
    },
  };
}

/** A second name for a file; a copy where the disk knows none. */
async function place(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await link(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EXDEV' || error.code === 'EPERM' || error.code === 'EMLINK') return copyFile(from, to);
    throw error;
  });
}
