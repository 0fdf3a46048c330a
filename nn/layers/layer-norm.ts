import { type Tensor, tf } from '../engine.ts';
import { NORM_EPSILON } from './instance-norm.ts';

/*
 * Layer norm: per token, biased variance over its channels, as PyTorch's LayerNorm over the last axis. The gradient is written
 * out: of the many intermediate volumes only the normalised one is kept.
 */

/** (x - mean) / sqrt(variance + epsilon) over the last axis. `x`: [..., channel]; the shape stays. */
export function normalizeChannels<T extends Tensor>(x: T, epsilon: number = NORM_EPSILON): T {
  const op = tf.customGrad((...inputs) => {
    const [input, save] = inputs as unknown as [Tensor, (tensors: Tensor[]) => void];
    const centered = tf.sub(input, tf.mean(input, -1, true));
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), epsilon));
    const value = tf.mul(centered, inverse);
    save([value, inverse]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [normalized, scale] = saved as [Tensor, Tensor];
      const along = tf.mul(normalized, tf.mean(tf.mul(dy, normalized), -1, true));
      return tf.mul(tf.sub(tf.sub(dy, tf.mean(dy, -1, true)), along), scale);
    };
    return { value, gradFunc };
  });
  return op(x) as T;
}

/** Layer norm over the last axis with scale and bias. `x`: [..., channel]; `scale`, `bias`: [channel]; the shape stays. */
export function layerNorm<T extends Tensor>(x: T, scale: Tensor, bias: Tensor, epsilon: number = NORM_EPSILON): T {
  return tf.add(tf.mul(normalizeChannels(x, epsilon), scale), bias) as T;
}
