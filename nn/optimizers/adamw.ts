import { type Tensor, tf } from '../engine.ts';
import type { UpdateRule } from './optimizer.ts';

/*
 * AdamW, Loshchilov and Hutter, arXiv:1711.05101, by PyTorch's formula:
 *   w = w * (1 - lr * decay);  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
 *   w = w - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 */

/** PyTorch's standard values. */
export const BETA1 = 0.9;
export const BETA2 = 0.999;
export const ADAM_EPSILON = 1e-8;

/** AdamW; slots "exp_avg", "exp_avg_sq". Over plain tfjs ops it is about twelve passes over the weights. */
export function adamwRule(weightDecay: number): UpdateRule {
  return {
    scalars: ({ learningRate, step }) => [
      1 - learningRate * weightDecay,
      learningRate / (1 - BETA1 ** step),
      Math.sqrt(1 - BETA2 ** step),
    ],
    update(weight, gradient, slots, scalars) {
      const [mean, square] = slots as [Tensor, Tensor];
      const [decay, rate, correction] = scalars as [Tensor, Tensor, Tensor];
      const newMean = tf.add(tf.mul(mean, BETA1), tf.mul(gradient, 1 - BETA1));
      const newSquare = tf.add(tf.mul(square, BETA2), tf.mul(tf.square(gradient), 1 - BETA2));
      const denominator = tf.add(tf.div(tf.sqrt(newSquare), correction), ADAM_EPSILON);
      const move = tf.mul(tf.div(newMean, denominator), rate);
      return [tf.sub(tf.mul(weight, decay), move), newMean, newSquare];
    },
  };
}
