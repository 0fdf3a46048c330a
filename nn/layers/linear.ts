import { type Tensor, tf } from '../engine.ts';

/** PyTorch's Linear over the last axis. `x`: [..., in]; `weight`: [in, out]; `bias`: [out] or null; result: [..., out]. */
export function linear(x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const [into, out] = weight.shape as [number, number];
  const rows = tf.matMul(tf.reshape(x, [-1, into]), weight as never) as Tensor;
  return tf.reshape(bias === null ? rows : tf.add(rows, bias), [...x.shape.slice(0, -1), out]);
}
