import { type Tensor, tf } from '../engine.ts';

/*
 * Exponential moving average of the weights (Polyak averaging), which predicts better than the last weights do. It starts as
 * the weights themselves and warms up: a mean that started at zeros and were corrected afterwards would hold no weights that
 * can be used or saved as they are, and one without a warm-up would remember the random start for 1 / (1 - decay) steps.
 */

/** The decay at a step (from 1): min(decay, (1 + step) / (10 + step)), TensorFlow's ExponentialMovingAverage and timm's. */
export function emaDecay(decay: number, step: Tensor): Tensor {
  return tf.minimum(tf.div(tf.add(step, 1), tf.add(step, 10)), decay);
}

/** The mean after a step: decay * mean + (1 - decay) * weight. */
export function emaUpdate(mean: Tensor, weight: Tensor, decay: Tensor): Tensor {
  return tf.add(mean, tf.mul(tf.sub(weight, mean), tf.sub(1, decay)));
}
