import { unzip } from 'fflate';
import type { DroppedFile } from './node/files.ts';

/** Opened in memory up to this size; a larger one is better unpacked first, or given to the server by its path. */
const LARGEST_BYTES = 2 ** 31;

/** The files in a .zip, .tar or .tar.gz. Throws where it is too large or damaged. */
export async function readArchive(name: string, file: Blob): Promise<DroppedFile[]> {
  if (file.size > LARGEST_BYTES) {
    throw new Error(`${name} is larger than 2 GB. Unpack it and drop the folder: then only what is new is sent.`);
  }
  if (/\.zip$/i.test(name)) return readZip(new Uint8Array(await file.arrayBuffer()));
  const stream = /gz$/i.test(name) ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
  return readTar(new Uint8Array(await new Response(stream).arrayBuffer()));
}

function readZip(bytes: Uint8Array): Promise<DroppedFile[]> {
  return new Promise((resolve, reject) => {
    unzip(bytes, (error, entries) => {
      if (error !== null) reject(new Error(`the zip cannot be read: ${error.message}`));
      else {
        const files = Object.entries(entries).filter(([path]) => !path.endsWith('/'));
        resolve(files.map(([path, content]) => ({ path, file: new Blob([new Uint8Array(content)]) })));
      }
    });
  });
}

const BLOCK = 512;

/** POSIX tar (ustar, with GNU and pax long names). */
export function readTar(bytes: Uint8Array): DroppedFile[] {
  const files: DroppedFile[] = [];
  let longName: string | null = null;
  for (let at = 0; at + BLOCK <= bytes.length; ) {
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) break;
    const size = Number.parseInt(text(header, 124, 12), 8) || 0;
    const kind = String.fromCharCode(header[156] ?? 0);
    const content = bytes.subarray(at + BLOCK, at + BLOCK + size);
    if (kind === 'L') longName = text(content, 0, size);
    else if (kind === 'x') longName = /(?:^|\n)\d+ path=([^\n]+)/.exec(text(content, 0, size))?.[1] ?? null;
    else {
      const prefix = text(header, 345, 155);
      const path = longName ?? (prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`);
      if (kind === '0' || kind === '\0')
        files.push({ path: path.replace(/^\.\//, ''), file: new Blob([content.slice()]) });
      longName = null;
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return files;
}

function text(bytes: Uint8Array, start: number, length: number): string {
  const part = bytes.subarray(start, start + length);
  const end = part.indexOf(0);
  return new TextDecoder().decode(end < 0 ? part : part.subarray(0, end));
}
