import type { StoredTensor } from '../weights.ts';
import { ELEMENT_BYTES, type ElementType, elementReader, isFloat } from './numbers.ts';
import { isCalled, type Value } from './pickle-machine.ts';
import { damaged, isLegacy, readLegacyArchive, readZipArchive, STORAGES, type TorchArchive } from './torch-archives.ts';
import { isZip } from './zip.ts';

/*
 * What `torch.save` wrote, without Python: of the calls that its pickle describes, those that make tensors are understood, as
 * torch/_utils.py has them; every other one stays a name that means nothing.
 */

/** Make a tensor from a storage, an offset, a shape and strides; what else they are given says nothing of its values. */
const TENSORS: ReadonlySet<string> = new Set(['torch._utils._rebuild_tensor', 'torch._utils._rebuild_tensor_v2']);
/** Make a parameter from a tensor. */
const PARAMETERS: ReadonlySet<string> = new Set([
  'torch._utils._rebuild_parameter',
  'torch._utils._rebuild_parameter_with_state',
]);
/** Elements of the largest tensor that is believed: more is a damaged shape. */
const MOST_ELEMENTS = 2 ** 31;

/** What a PyTorch file holds: dictionaries, lists, numbers, and calls that {@link tensorOf} turns into tensors. */
export interface PytorchFile {
  readonly content: Value;
  /** The tensor of a value; null where it is none. Throws `bad-checkpoint` where it is damaged. */
  tensorOf(value: Value | undefined): StoredTensor | null;
}

/** True where bytes begin as one of the two files of `torch.save`. */
export function isPytorch(bytes: Uint8Array): boolean {
  return isZip(bytes) || isLegacy(bytes);
}

/** Reads the file's pickle as data; nothing in it is executed. Throws `bad-checkpoint` where it is damaged. */
export function readPytorch(bytes: Uint8Array): PytorchFile {
  const archive = isZip(bytes) ? readZipArchive(bytes) : readLegacyArchive(bytes);
  return { content: archive.content, tensorOf: (value) => inWords(() => tensorOf(value, archive)) };
}

/** Numbers beyond those of JavaScript, or a parameter that holds itself, are RangeErrors: told as what is wrong with the file. */
function inWords<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw damaged(`a tensor cannot be read (${error.message})`);
    throw error;
  }
}

function tensorOf(value: Value | undefined, archive: TorchArchive): StoredTensor | null {
  if (!isCalled(value) || value.args === null) return null;
  if (PARAMETERS.has(value.global)) return tensorOf(value.args[0], archive);
  if (!TENSORS.has(value.global)) return null;
  const [reference, offset, shape, strides] = value.args;
  const sizes = [shape, strides].every((list) => Array.isArray(list) && list.every((n) => isCount(n)));
  if (!isCount(offset) || !sizes || (shape as number[]).length !== (strides as number[]).length) {
    throw damaged('a tensor has no shape, or no strides that belong to it');
  }
  const { element, data } = storageOf(reference, archive);
  return { ...strided(data, element, offset, shape as number[], strides as number[]), shape: shape as number[] };
}

function isCount(value: Value | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The bytes that a tensor refers to: a whole storage or, in files of torch before 0.4, a part of one. */
function storageOf(reference: Value | undefined, archive: TorchArchive): { element: ElementType; data: Uint8Array } {
  const known = typeof reference === 'object' && reference !== null && 'persistent' in reference;
  const [kind, type, key, , , part] = known && Array.isArray(reference.persistent) ? reference.persistent : [];
  if (kind !== 'storage' || !isCalled(type)) throw damaged('a tensor has no storage');
  const element = STORAGES[type.global];
  if (element === undefined) throw damaged(`a tensor has a storage of type "${type.global}", which no weights have`);
  const data = archive.storage(String(key));
  if (data === undefined) throw damaged(`the storage ${String(key)} is missing`);
  if (!Array.isArray(part)) return { element, data };
  const [, from, count] = part;
  if (!isCount(from) || !isCount(count)) throw damaged(`the part of storage ${String(key)} has no bounds`);
  const bytes = ELEMENT_BYTES[element];
  return { element, data: data.subarray(from * bytes, (from + count) * bytes) };
}

/** The values of a view into a storage, in row-major order. */
function strided(
  data: Uint8Array,
  element: ElementType,
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): Pick<StoredTensor, 'dtype' | 'data'> {
  const length = shape.reduce((product, n) => product * n, 1);
  const last = shape.reduce((sum, n, axis) => sum + (n - 1) * (strides[axis] as number), offset);
  if (length > MOST_ELEMENTS || (length > 0 && (last + 1) * ELEMENT_BYTES[element] > data.length)) {
    throw damaged('a tensor reaches beyond its storage');
  }
  const read = elementReader(new DataView(data.buffer, data.byteOffset, data.byteLength), element);
  const values = isFloat(element) ? new Float32Array(length) : new Int32Array(length);
  const position = shape.map(() => 0);
  let at = offset;
  for (let i = 0; i < length; i++) {
    values[i] = read(at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis] as number;
      position[axis] = (position[axis] as number) + 1;
      if ((position[axis] as number) < (shape[axis] as number)) break;
      at -= (strides[axis] as number) * (shape[axis] as number);
      position[axis] = 0;
    }
  }
  return values instanceof Float32Array ? { dtype: 'F32', data: values } : { dtype: 'I32', data: values };
}
