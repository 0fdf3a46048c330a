import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { BundleManifest } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { ZipFile } from 'yazl';

/*
 * The ensemble bundle: a zip of manifest.json, members/*.safetensors, report.html and LICENSES/. The same content gives
 * the same bytes: entries are sorted and carry one fixed date.
 */

/** Files of a bundle beside its manifest, by path. */
export type BundleFiles = ReadonlyMap<string, Uint8Array>;

/** A manifest before its files are known. */
export type ManifestDraft = Omit<BundleManifest, 'files' | 'sha256'>;

export const MANIFEST_PATH = 'manifest.json';
const BLANK_HASH = '0'.repeat(64);

/** Compares by UTF-16 code units: the same order in every locale. */
export function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The path of a member's weights in the bundle. */
export function memberPath(index: number, algorithm: string, fold: number): string {
  return `members/${index}-${algorithm.replace(/[^A-Za-z0-9_-]/g, '_')}-fold${fold}.safetensors`;
}

/** Writes a bundle to a local file and returns its manifest. Throws `internal` where the draft does not fit its schema. */
export async function writeBundle(path: string, draft: ManifestDraft, files: BundleFiles): Promise<BundleManifest> {
  const { manifest, text } = sealManifest(draft, files);
  await writeZip(path, new Map([...files, [MANIFEST_PATH, Buffer.from(text)]]));
  return manifest;
}

/**
 * Lists the files with their hashes and puts the manifest's own hash in: SHA-256 of the text with that hash's digits set
 * to 0. So a change of one byte anywhere is seen, in the manifest as well.
 */
export function sealManifest(draft: ManifestDraft, files: BundleFiles): { manifest: BundleManifest; text: string } {
  const listed = [...files.keys()].sort(byText).map((path) => ({
    path,
    sha256: createHash('sha256').update(files.get(path)!).digest('hex'),
    bytes: files.get(path)!.byteLength,
  }));
  const parsed = BundleManifest.safeParse({ ...draft, files: listed, sha256: BLANK_HASH });
  if (!parsed.success)
    throw new VoxhelmError('internal', `the bundle's manifest does not fit its schema: ${parsed.error.message}`);
  const blank = `${JSON.stringify(parsed.data, null, 1)}\n`;
  const sha256 = createHash('sha256').update(blank).digest('hex');
  const manifest = { ...parsed.data, sha256 };
  return { manifest, text: `${JSON.stringify(manifest, null, 1)}\n` };
}

/** The hash that {@link sealManifest} would have put in, from the manifest's text and the hash that it claims. */
export function manifestHash(text: string, claimed: string): string {
  const at = text.lastIndexOf(claimed);
  const blank = at < 0 ? text : text.slice(0, at) + BLANK_HASH + text.slice(at + claimed.length);
  return createHash('sha256').update(blank).digest('hex');
}

/** Writes files as a zip, sorted by path. Weights are stored as they are: they do not compress, and reading is faster. */
export async function writeZip(path: string, files: BundleFiles): Promise<void> {
  const zip = new ZipFile();
  // Any fixed moment, in local time, which is what the date field of a zip means: the same bytes everywhere.
  const mtime = new Date(2000, 0, 1);
  for (const name of [...files.keys()].sort(byText)) {
    const bytes = files.get(name)!;
    zip.addBuffer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), name, {
      mtime,
      mode: 0o100644,
      compress: !name.endsWith('.safetensors'),
      forceDosTimestamp: true,
    });
  }
  zip.end();
  await pipeline(zip.outputStream, createWriteStream(path));
}
