import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { StoredTensor } from '../weights.ts';
import { ELEMENT_BYTES, type ElementType, elementReader, isFloat } from './numbers.ts';
import { type Called, isCalled, type Persistent, readPickle, type Value } from './pickle.ts';
import { readZip } from './zip.ts';

/*
 * What `torch.save` wrote, without Python: a zip archive of one pickle and the bytes of each storage. Format: PyTorch's
 * torch/serialization.py and torch/_utils.py (2.x; the zip format since 1.6).
 */

const STORAGES: Readonly<Record<string, ElementType>> = {
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

const TENSOR = 'torch._utils._rebuild_tensor_v2';
const PARAMETER = 'torch._utils._rebuild_parameter';

/** Names that stand beside weights in whole checkpoints (nnU-Net's scores, settings and device): kept as names, not read. */
const BESIDE_WEIGHTS = [
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  'numpy.dtype',
  '_codecs.encode',
  'torch.device',
  'torch.Size',
];

const ALLOWED: ReadonlySet<string> = new Set([
  'collections.OrderedDict',
  TENSOR,
  PARAMETER,
  ...Object.keys(STORAGES),
  ...BESIDE_WEIGHTS,
]);

function damaged(why: string): VoxhelmError {
  return new VoxhelmError('bad-checkpoint', `not a readable PyTorch file: ${why}`, {
    fix: 'Save it again with torch.save, as the state dict of the network.',
  });
}

/** What a PyTorch file holds: dictionaries, lists, numbers, and calls that {@link tensorOf} turns into tensors. */
export interface PytorchFile {
  readonly content: Value;
  /** The tensor of a value; null where it is none. Throws `bad-checkpoint` where it is damaged. */
  tensorOf(value: Value | undefined): StoredTensor | null;
}

/** Reads the file's pickle as data; nothing in it is executed. Throws `bad-checkpoint` naming what it may not hold. */
export function readPytorch(bytes: Uint8Array): PytorchFile {
  const files = readZip(bytes);
  const pickle = [...files.keys()].find((name) => /(^|\/)data\.pkl$/.test(name));
  if (pickle === undefined) throw damaged('the archive has no data.pkl');
  const folder = pickle.slice(0, -'data.pkl'.length);
  const order = files.get(`${folder}byteorder`);
  if (order !== undefined && new TextDecoder().decode(order) !== 'little') throw damaged('its numbers are big-endian');
  return {
    content: readPickle(files.get(pickle) as Uint8Array, ALLOWED),
    tensorOf: (value) => tensorOf(value, files, folder),
  };
}

function tensorOf(
  value: Value | undefined,
  files: ReadonlyMap<string, Uint8Array>,
  folder: string,
): StoredTensor | null {
  if (!isCalled(value) || value.args === null) return null;
  if (value.global === PARAMETER) return tensorOf(value.args[0], files, folder);
  if (value.global !== TENSOR) return null;
  const [storage, offset, shape, strides] = value.args as [Persistent, number, number[], number[]];
  const [kind, type, key] = storage.persistent as [string, Called, string];
  const element = STORAGES[type.global];
  const data = files.get(`${folder}data/${key}`);
  if (kind !== 'storage' || element === undefined || data === undefined) throw damaged(`the storage ${key} is missing`);
  return { ...strided(data, element, offset, shape, strides), shape };
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
  if (length > 0 && (offset < 0 || (last + 1) * ELEMENT_BYTES[element] > data.length)) {
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
