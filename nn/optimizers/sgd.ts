import { type Tensor, tf } from '../engine.ts';
import type { UpdateRule } from './optimizer.ts';

/**
 * SGD with Nesterov momentum by PyTorch's formula (nnU-Net: lr 0.01, momentum 0.99, decay 3e-5), decay being part of the
 * gradient:  g = g + decay * w;  b = momentum * b + g;  w = w - lr * (g + momentum * b).  Slot "momentum_buffer". PyTorch's
 * first step sets b = g, which is the same from a buffer of zeros.
 */
export function sgdNesterovRule({ momentum, weightDecay }: { momentum: number; weightDecay: number }): UpdateRule {
  return {
    scalars: ({ learningRate }) => [learningRate],
    update(weight, gradient, slots, scalars) {
      const [buffer] = slots as [Tensor];
      const [learningRate] = scalars as [Tensor];
      const pulled = weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(weight, weightDecay));
      const newBuffer = tf.add(tf.mul(buffer, momentum), pulled);
      const move = tf.mul(tf.add(pulled, tf.mul(newBuffer, momentum)), learningRate);
      return [tf.sub(weight, move), newBuffer];
    },
  };
}
