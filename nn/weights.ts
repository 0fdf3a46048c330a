import { VoxhelmError } from '@voxhelm/contracts/errors';
import { ELEMENT_BYTES, type ElementType, elementReader, isFloat } from './checkpoint-files/numbers.ts';
import { type Tensor, tf } from './engine.ts';
import type { Network, ParameterSpec, Parameters, StoredBuffer } from './network.ts';

/*
 * Weights as bytes: the safetensors format (https://github.com/huggingface/safetensors: 8 bytes little-endian header length,
 * a JSON header with dtype, shape and offsets, then the data), in PyTorch's layout under the reference's names, so that a
 * file can be loaded by either side.
 */

/** One tensor of a safetensors file. */
export interface StoredTensor {
  readonly dtype: 'F32' | 'I32' | 'U8';
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** A safetensors file's content. */
export interface StoredTensors {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Partial<Record<string, string>>>;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** A safetensors file of these tensors, in the map's order. */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, StoredTensor | StoredBuffer>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const [name, tensor] of tensors) {
    const end = offset + tensor.data.byteLength;
    header[name] = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  // The format wants the data aligned to 8 bytes; spaces after the JSON do that.
  const headerLength = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + headerLength + offset).fill(0x20, 8, 8 + headerLength);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(json, 8);
  let at = 8 + headerLength;
  for (const { data } of tensors.values()) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

function damaged(why: string): VoxhelmError {
  return new VoxhelmError('bad-checkpoint', `not a readable safetensors file: ${why}`, {
    fix: 'Fetch the file again; if it is still refused, it was written damaged.',
  });
}

function readHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (bytes.byteLength < 8) throw damaged('shorter than its 8-byte header length');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true));
  if (length > bytes.byteLength - 8) throw damaged('the header is cut off');
  try {
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as unknown;
    if (typeof header !== 'object' || header === null) throw new TypeError('no object');
    return { header: header as Record<string, unknown>, start: 8 + length };
  } catch {
    throw damaged('the header is no JSON object');
  }
}

function readTensor(bytes: Uint8Array, start: number, name: string, entry: unknown): StoredTensor {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = entry as { dtype?: string; shape?: number[]; data_offsets?: number[] };
  if (dtype === undefined || !Object.hasOwn(ELEMENT_BYTES, dtype))
    throw damaged(`tensor ${name} has the data type ${dtype}`);
  const [from, to] = offsets ?? [];
  const type = dtype as ElementType;
  const size = elements(shape ?? []) * ELEMENT_BYTES[type];
  if (shape === undefined || from === undefined || to === undefined || !(from >= 0) || to - from !== size) {
    throw damaged(`tensor ${name} has a shape and offsets that do not agree`);
  }
  if (start + to > bytes.byteLength) throw damaged(`tensor ${name} is cut off`);
  // A copy, because the file's offset need not be aligned to the element size. Not `slice`: a Node Buffer's shares memory.
  const data = new Uint8Array(size);
  data.set(bytes.subarray(start + from, start + to));
  if (type === 'F32') return { dtype: 'F32', shape, data: new Float32Array(data.buffer) };
  if (type === 'I32') return { dtype: 'I32', shape, data: new Int32Array(data.buffer) };
  if (type === 'U8') return { dtype: 'U8', shape, data };
  // Other widths, as PyTorch writes them, become float32 or int32.
  const read = elementReader(new DataView(data.buffer), type);
  const length = elements(shape);
  if (isFloat(type)) return { dtype: 'F32', shape, data: Float32Array.from({ length }, (_, i) => read(i)) };
  return { dtype: 'I32', shape, data: Int32Array.from({ length }, (_, i) => read(i)) };
}

/** Reads a safetensors file; throws `bad-checkpoint` naming what is damaged. */
export function decodeSafetensors(bytes: Uint8Array): StoredTensors {
  const { header, start } = readHeader(bytes);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name !== '__metadata__') tensors.set(name, readTensor(bytes, start, name, entry));
  }
  return { tensors, metadata: (header['__metadata__'] ?? {}) as Record<string, string> };
}

/*
 * Layouts. Convolution [out, in, kx, ky, kz] and its transpose [in, out, kx, ky, kz] both become tfjs filters by the
 * permutation 2, 3, 4, 1, 0; a linear weight is transposed; everything else stays.
 */
/** Axes of PyTorch's layout in the order of tfjs's, by kind of parameter; absent where they are the same. */
export const TO_TFJS: Partial<Record<ParameterSpec['kind'], readonly number[]>> = {
  conv: [2, 3, 4, 1, 0],
  'conv-transpose': [2, 3, 4, 1, 0],
  linear: [1, 0],
};
/** The way back of {@link TO_TFJS}. */
export const TO_TORCH: typeof TO_TFJS = { conv: [4, 3, 0, 1, 2], 'conv-transpose': [4, 3, 0, 1, 2], linear: [1, 0] };

/** A parameter's tensor in tfjs layout from values in PyTorch's layout; takes the array over. The caller disposes. */
export function toTfjsLayout(spec: ParameterSpec, values: Float32Array): Tensor {
  const permutation = TO_TFJS[spec.kind];
  return tf.tidy(() => {
    const tensor = tf.tensor(values, [...spec.shape], 'float32');
    return permutation === undefined ? tf.clone(tensor) : tf.transpose(tensor, [...permutation]);
  });
}

/** Values in PyTorch's layout from a tensor in tfjs layout. */
export function toTorchLayout(spec: ParameterSpec, tensor: Tensor): Float32Array {
  const permutation = TO_TORCH[spec.kind];
  if (permutation === undefined) return tensor.dataSync<'float32'>() as Float32Array;
  // Not in a tidy: it looks for tensors in what it is given, value by value (half a second for a million of them).
  const turned = tf.transpose(tensor, [...permutation]);
  const values = turned.dataSync<'float32'>() as Float32Array;
  turned.dispose();
  return values;
}

/** All parameters of a network, each from its values in PyTorch's layout. The caller disposes. */
export function toParameters(network: Network, valuesOf: (spec: ParameterSpec) => Float32Array): Parameters {
  return new Map(network.specs.map((spec) => [spec.name, toTfjsLayout(spec, valuesOf(spec))]));
}

/** Disposes of all tensors of a map. */
export function disposeParameters(parameters: Parameters): void {
  for (const tensor of parameters.values()) tensor.dispose();
}

/** Parameters as stored tensors in PyTorch's layout, each name behind a prefix. */
export function storeParameters(network: Network, parameters: Parameters, prefix = ''): Map<string, StoredTensor> {
  const stored = new Map<string, StoredTensor>();
  for (const spec of network.specs) {
    const tensor = parameters.get(spec.name);
    if (tensor === undefined) throw new Error(`parameter ${spec.name} is missing`);
    stored.set(prefix + spec.name, { dtype: 'F32', shape: spec.shape, data: toTorchLayout(spec, tensor) });
  }
  return stored;
}

/**
 * Values of a network's parameters in PyTorch's layout, each name behind a prefix. Throws `bad-checkpoint` where one is
 * missing or has another shape.
 */
export function readValues(network: Network, stored: StoredTensors, prefix = ''): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const spec of network.specs) {
    const tensor = stored.tensors.get(prefix + spec.name);
    const shape = tensor?.shape.join('x');
    if (tensor === undefined || shape !== spec.shape.join('x') || tensor.dtype !== 'F32') {
      const what = tensor === undefined ? 'lacks it' : `has it as ${tensor.dtype} ${shape}`;
      throw new VoxhelmError(
        'bad-checkpoint',
        `${network.class} wants ${spec.name} as F32 ${spec.shape.join('x')}, the file ${what}`,
        { fix: 'Use a checkpoint of this network and these options.', details: { parameter: prefix + spec.name } },
      );
    }
    values.set(spec.name, tensor.data as Float32Array);
  }
  return values;
}

/** {@link readValues} as tensors in tfjs's layout. The caller disposes. */
export function loadParameters(network: Network, stored: StoredTensors, prefix = ''): Parameters {
  const values = readValues(network, stored, prefix);
  return toParameters(network, (spec) => values.get(spec.name) as Float32Array);
}
