/* node:fs/promises for the dataset check in the browser: reading alone. */
import { bytesOf, missing, namesIn } from './files.ts';

export async function readFile(path: string, encoding?: string): Promise<Uint8Array | string> {
  const bytes = bytesOf(path);
  return encoding === undefined ? bytes : new TextDecoder().decode(bytes);
}

export async function readdir(path: string): Promise<string[]> {
  const names = namesIn(path);
  if (names === undefined) throw missing(path);
  return [...names];
}

async function refuse(): Promise<never> {
  throw new Error('the browser writes no files');
}

export const mkdir = refuse;
export const open = refuse;
export const rename = refuse;
export const rm = refuse;
