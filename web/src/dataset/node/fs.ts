/* node:fs for the dataset check in the browser: the dropped files, read only. */
import { bytesOf, fileAt, missing, namesIn } from './files.ts';

export function existsSync(path: string): boolean {
  return fileAt(path) !== undefined || namesIn(path) !== undefined;
}

export function readdirSync(path: string): string[] {
  const names = namesIn(path);
  if (names === undefined) throw missing(path);
  return [...names];
}

export function readFileSync(path: string, encoding?: string): Uint8Array | string {
  const bytes = bytesOf(path);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}

export function statSync(path: string, options?: { throwIfNoEntry?: boolean }) {
  const file = fileAt(path);
  const isFolder = namesIn(path) !== undefined;
  if (file === undefined && !isFolder) {
    if (options?.throwIfNoEntry === false) return undefined;
    throw missing(path);
  }
  return { size: file?.size ?? 0, isDirectory: () => isFolder };
}

/** There are no links among dropped files. */
export const realpathSync = { native: (path: string): string => path };
