import { VoxhelmError } from '@voxhelm/contracts/errors';
import { ELEMENT_BYTES, type ElementType } from './numbers.ts';
import { readPickle } from './pickle.ts';
import { isCalled, type Persistent, type Value } from './pickle-machine.ts';
import { readZip } from './zip.ts';

/*
 * The two files that `torch.save` writes: since 1.6 a zip archive of one pickle and the bytes of each storage; before (and with
 * `_use_new_zipfile_serialization=False`) pickles in a row, then the storages in the order of the last pickle's keys.
 * Format: `_save`, `_legacy_save` and `_legacy_load` of PyTorch's torch/serialization.py (2.x).
 */

/** Element types by the names of PyTorch's storages. */
export const STORAGES: Readonly<Record<string, ElementType>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

/** Bytes of an element of storages that no weights are read from; the older format needs them to find what lies behind. */
const OTHER_BYTES: Readonly<Record<string, number>> = {
  'torch.ComplexFloatStorage': 8,
  'torch.ComplexDoubleStorage': 16,
  'torch.QInt8Storage': 1,
  'torch.QUInt8Storage': 1,
  'torch.QInt32Storage': 4,
  'torch.storage.UntypedStorage': 1,
};

/** The magic number 0x1950a86a20f9469cfc6c as a pickle has it: little-endian, ten bytes. */
const MAGIC = Uint8Array.of(0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19);
/** Ahead of it stand at most a protocol (2 bytes), a frame (9) and the opcode with its length (2). */
const MAGIC_WITHIN = 13 + MAGIC.length;
const PICKLE_PROTOCOL = 0x80;
/** `PROTOCOL_VERSION` of torch/serialization.py, the only one there ever was of pickles in a row. */
const FORMAT_VERSION = 1001;

/** What a file holds: its object, and the bytes of its storages (undefined where it lacks one). */
export interface TorchArchive {
  readonly content: Value;
  storage(key: string): Uint8Array | undefined;
}

/** The error for a file that is no readable one of PyTorch's. */
export function damaged(why: string): VoxhelmError {
  return new VoxhelmError('bad-checkpoint', `not a readable PyTorch file: ${why}`, {
    fix: 'Fetch the file again; if it is still refused, save it again: torch.save(model.state_dict(), "weights.pt").',
  });
}

/** Reads a zip archive. Throws `bad-checkpoint` where it is damaged. */
export function readZipArchive(bytes: Uint8Array): TorchArchive {
  const files = readZip(bytes);
  const pickle = [...files.keys()].find((name) => /(^|\/)data\.pkl$/.test(name));
  if (pickle === undefined) throw damaged('the archive has no data.pkl');
  const folder = pickle.slice(0, -'data.pkl'.length);
  const order = files.get(`${folder}byteorder`);
  if (order !== undefined && new TextDecoder().decode(order) !== 'little') throw damaged('its numbers are big-endian');
  return {
    content: readPickle(files.get(pickle) as Uint8Array).value,
    storage: (key) => files.get(`${folder}data/${key}`),
  };
}

/** True where bytes begin as a file of pickles in a row does. */
export function isLegacy(bytes: Uint8Array): boolean {
  return bytes[0] === PICKLE_PROTOCOL && Buffer.from(bytes.subarray(0, MAGIC_WITHIN)).indexOf(MAGIC) > 0;
}

/** Reads pickles in a row. Throws `bad-checkpoint` where it is cut off or damaged. */
export function readLegacyArchive(bytes: Uint8Array): TorchArchive {
  const magic = readPickle(bytes);
  const version = readPickle(bytes, magic.end);
  if (version.value !== FORMAT_VERSION) throw damaged(`its format has another version than ${FORMAT_VERSION}`);
  // The system that wrote it does not matter: numbers are little-endian wherever they were written.
  const system = readPickle(bytes, version.end);
  const object = readPickle(bytes, system.end);
  const keys = readPickle(bytes, object.end);
  if (!Array.isArray(keys.value)) throw damaged('it has no list of storages');
  const storages = cutStorages(bytes, keys.end, keys.value, elementBytes(object.references));
  return { content: object.value, storage: (key) => storages.get(key) };
}

/** Bytes of an element by a storage's key: of the first reference to it, as it was written. */
function elementBytes(references: readonly Persistent[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const { persistent } of references) {
    const [kind, type, key] = Array.isArray(persistent) ? persistent : [];
    if (kind !== 'storage' || !isCalled(type) || sizes.has(String(key))) continue;
    const element = STORAGES[type.global];
    const size = element === undefined ? OTHER_BYTES[type.global] : ELEMENT_BYTES[element];
    if (size === undefined) throw damaged(`it has a storage of the unknown type "${type.global}"`);
    sizes.set(String(key), size);
  }
  return sizes;
}

/** Each storage is an int64 count of elements and their bytes; views of the file, by key. */
function cutStorages(
  bytes: Uint8Array,
  start: number,
  keys: readonly Value[],
  sizes: ReadonlyMap<string, number>,
): Map<string, Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const storages = new Map<string, Uint8Array>();
  let at = start;
  for (const [i, key] of keys.map(String).entries()) {
    const size = sizes.get(key);
    if (size === undefined) throw damaged(`nothing refers to its storage ${key}`);
    const length = at + 8 > bytes.length ? Number.NaN : Number(view.getBigInt64(at, true)) * size;
    if (!(length >= 0 && at + 8 + length <= bytes.length)) {
      throw damaged(`it is cut off in storage ${i + 1} of ${keys.length}`);
    }
    storages.set(key, bytes.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return storages;
}
