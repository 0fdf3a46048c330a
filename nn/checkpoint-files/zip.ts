import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * The zip archives that `torch.save` writes: entries are stored, not compressed, so that each is a view of the file.
 */

const END = 0x06054b50;
const END_64 = 0x06064b50;
const LOCATOR_64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const IN_ZIP_64 = 0xffffffff;

function damaged(why: string): VoxhelmError {
  return new VoxhelmError('bad-checkpoint', `not a readable PyTorch file: ${why}`, {
    fix: 'Fetch the file again; if it is still refused, save it again with torch.save.',
  });
}

/** True where bytes begin as a zip archive does. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length > 4 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true) === LOCAL;
}

interface Directory {
  readonly entries: number;
  readonly offset: number;
}

function findDirectory(view: DataView): Directory {
  // The record stands at the end, behind it at most a comment of 64 KB.
  for (let at = view.byteLength - 22; at >= Math.max(0, view.byteLength - 22 - 65_535); at--) {
    if (view.getUint32(at, true) !== END) continue;
    const offset = view.getUint32(at + 16, true);
    if (at < 20 || view.getUint32(at - 20, true) !== LOCATOR_64)
      return { entries: view.getUint16(at + 10, true), offset };
    const record = Number(view.getBigUint64(at - 20 + 8, true));
    if (view.getUint32(record, true) !== END_64) throw damaged('its directory is not where it says');
    return {
      entries: Number(view.getBigUint64(record + 32, true)),
      offset: Number(view.getBigUint64(record + 48, true)),
    };
  }
  throw damaged('the archive has no directory (cut off?)');
}

/** Sizes beyond 32 bits stand in an extra field, in the order in which they are missing. */
function wide(view: DataView, from: number, length: number, values: number[]): number[] {
  for (let at = from; at + 4 <= from + length; ) {
    const [tag, size] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    if (tag === 1) {
      let next = at + 4;
      return values.map((value) => {
        if (value !== IN_ZIP_64) return value;
        next += 8;
        return Number(view.getBigUint64(next - 8, true));
      });
    }
    at += 4 + size;
  }
  return values;
}

/** The archive's entries by name, each a view. Throws `bad-checkpoint` where it is damaged or compressed. */
export function readZip(bytes: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const files = new Map<string, Uint8Array>();
  try {
    const { entries, offset } = findDirectory(view);
    let at = offset;
    for (let i = 0; i < entries; i++) {
      if (view.getUint32(at, true) !== CENTRAL) throw damaged('its directory is broken');
      const [nameLength, extraLength, commentLength] = [28, 30, 32].map((o) => view.getUint16(at + o, true)) as [
        number,
        number,
        number,
      ];
      const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + nameLength));
      if (view.getUint16(at + 10, true) !== 0) throw damaged(`${name} is compressed`);
      const sizes = [view.getUint32(at + 24, true), view.getUint32(at + 20, true), view.getUint32(at + 42, true)];
      const [size, , local] = wide(view, at + 46 + nameLength, extraLength, sizes) as [number, number, number];
      const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      if (start + size > bytes.length) throw damaged(`${name} is cut off`);
      files.set(name, bytes.subarray(start, start + size));
      at += 46 + nameLength + extraLength + commentLength;
    }
  } catch (error) {
    if (error instanceof RangeError) throw damaged('the archive is cut off');
    throw error;
  }
  return files;
}
