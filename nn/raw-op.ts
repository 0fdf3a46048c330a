import { type Tensor, tf } from './engine.ts';

/*
 * TensorFlow kernels that tfjs has no name for. A raw op is recorded by no tape: call it inside `tf.customGrad`.
 */

/** An attribute's value with its TensorFlow type; `dtype` names a tfjs data type. */
export type Attribute =
  | { readonly dtype: 'float32' | 'int32' }
  | { readonly float: number }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly shape: readonly number[] };

interface Binding {
  readonly TF_FLOAT: number;
  readonly TF_INT32: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_SHAPE: number;
  executeOp(name: string, attributes: readonly object[], inputs: readonly number[], outputs: number): unknown[];
}

interface NativeBackend {
  readonly binding: Binding;
  getInputTensorIds(inputs: readonly Tensor[]): number[];
  /** Of a tracer alone: see {@link identityAfter}. */
  identityAfter?(x: Tensor, gate: Tensor): Tensor;
  executeMultipleOutputs(name: string, attributes: object[], inputs: Tensor[], outputs: number): Tensor[];
}

function nativeBackend(): NativeBackend {
  return tf.backend() as unknown as NativeBackend;
}

/**
 * True where the current backend runs TensorFlow's own kernels (libtensorflow, or a tracer that stands in for it), so that
 * fused kernels may be called. False in a browser, where every layer takes its path over plain tfjs ops.
 */
export function hasNativeKernels(): boolean {
  return typeof (tf.backend() as Partial<NativeBackend>).executeMultipleOutputs === 'function';
}

function encode(binding: Binding, name: string, attribute: Attribute): object {
  if ('dtype' in attribute) {
    const value = attribute.dtype === 'float32' ? binding.TF_FLOAT : binding.TF_INT32;
    return { name, type: binding.TF_ATTR_TYPE, value };
  }
  if ('float' in attribute) return { name, type: binding.TF_ATTR_FLOAT, value: attribute.float };
  if ('int' in attribute) return { name, type: binding.TF_ATTR_INT, value: attribute.int };
  if ('ints' in attribute) return { name, type: binding.TF_ATTR_INT, value: attribute.ints };
  if ('bool' in attribute) return { name, type: binding.TF_ATTR_BOOL, value: attribute.bool };
  if ('text' in attribute) return { name, type: binding.TF_ATTR_STRING, value: attribute.text };
  return { name, type: binding.TF_ATTR_SHAPE, value: attribute.shape };
}

/**
 * Runs one TensorFlow kernel by its name and returns its outputs (their exact number must be given). The outputs belong to
 * the surrounding `tf.tidy`, or to the caller.
 */
export function rawOp(
  name: string,
  attributes: Readonly<Record<string, Attribute>>,
  inputs: readonly Tensor[],
  outputs: number,
): Tensor[] {
  const backend = nativeBackend();
  const encoded = Object.entries(attributes).map(([key, value]) => encode(backend.binding, key, value));
  return backend.executeMultipleOutputs(name, encoded, [...inputs], outputs);
}

/** {@link rawOp} for the many kernels with one output. */
export function rawOp1(
  name: string,
  attributes: Readonly<Record<string, Attribute>>,
  inputs: readonly Tensor[],
): Tensor {
  return rawOp(name, attributes, inputs, 1)[0] as Tensor;
}

/** {@link rawOp} for kernels without an output (assignments to variables). */
export function rawOp0(name: string, attributes: Readonly<Record<string, Attribute>>, inputs: readonly Tensor[]): void {
  rawOp(name, attributes, inputs, 0);
}

/**
 * The values of `x`, in a compiled program not before `gate` is computed: what follows from them is then computed late, and is
 * not taken from where the program computes the same early. Eagerly everything is computed when it is asked for.
 */
export function identityAfter(x: Tensor, gate: Tensor): Tensor {
  return nativeBackend().identityAfter?.(x, gate) ?? tf.clone(x);
}
