/*
 * The files that the user dropped, as the code that checks datasets sees them: under one root, read synchronously (which
 * FileReaderSync allows in a worker).
 */

/** A dropped file: its path below the dataset's root, with forward slashes. */
export interface DroppedFile {
  readonly path: string;
  readonly file: Blob;
}

/** Where the dropped files seem to lie. */
export const ROOT = '/dataset';

const files = new Map<string, Blob>();
const folders = new Map<string, Set<string>>();

/** Puts files in place of those that were there. */
export function mount(dropped: readonly DroppedFile[]): void {
  files.clear();
  folders.clear();
  folders.set(ROOT, new Set());
  for (const { path, file } of dropped) {
    files.set(`${ROOT}/${path}`, file);
    const parts = path.split('/');
    for (let depth = 0; depth < parts.length; depth += 1) {
      const folder = [ROOT, ...parts.slice(0, depth)].join('/');
      const names = folders.get(folder) ?? new Set();
      names.add(parts[depth] as string);
      folders.set(folder, names);
    }
  }
}

/** The dropped file at a path, or undefined. */
export function fileAt(path: string): Blob | undefined {
  return files.get(path);
}

/** The names in a folder, or undefined. */
export function namesIn(path: string): readonly string[] | undefined {
  const names = folders.get(path);
  return names === undefined ? undefined : [...names].sort((a, b) => (a < b ? -1 : 1));
}

/** What Node throws where nothing lies at a path. */
export function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: 'ENOENT' });
}

/** A file's bytes. Throws as Node does. */
export function bytesOf(path: string): Uint8Array {
  const file = files.get(path);
  if (file === undefined) throw missing(path);
  const reader = new (
    globalThis as unknown as { FileReaderSync: new () => { readAsArrayBuffer(blob: Blob): ArrayBuffer } }
  ).FileReaderSync();
  return new Uint8Array(reader.readAsArrayBuffer(file));
}
