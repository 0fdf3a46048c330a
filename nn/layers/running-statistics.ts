import { type Tensor, type Tensor1D, type Tensor5D, tf } from '../engine.ts';

/*
 * Running mean and variance of a norm's channels, PyTorch's buffers `running_mean` and `running_var`. They are parameters of the
 * kind "statistic": no loss moves them, and their "gradient" is what a step takes away from them,
 *   momentum * (running - batch's),
 * so that they pass through recomputation, accumulation and compilation as gradients do.
 */

/** Of each channel, [channel]. */
export interface Statistics {
  readonly mean: Tensor1D;
  readonly variance: Tensor1D;
}

/**
 * Mean and unbiased variance, averaged over samples: of each channel of the batch as one sample, or of each sample.
 * Both [channel].
 */
function statisticsOf(x: Tensor, over: 'batch' | 'instance'): Statistics {
  const [batch, sx, sy, sz, channels] = x.shape as [number, number, number, number, number];
  const samples = over === 'batch' ? 1 : batch;
  const voxels = (batch / samples) * sx * sy * sz;
  const rows = tf.reshape(x, [samples, voxels, channels]);
  const mean = tf.mean(rows, 1, true);
  const variance = tf.mean(tf.squaredDifference(rows, mean), 1);
  const unbiased = tf.mul(variance, voxels / Math.max(1, voxels - 1));
  return { mean: tf.mean(mean, [0, 1]) as Tensor1D, variance: tf.mean(unbiased, 0) as Tensor1D };
}

/** x itself; in its gradient the running statistics get theirs (see above). `x`: [batch, x, y, z, channel]. */
export function followStatistics(
  x: Tensor5D,
  running: Statistics,
  momentum: number,
  over: 'batch' | 'instance',
): Tensor5D {
  const op = tf.customGrad((...inputs) => {
    const [input, mean, variance, save] = inputs as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const changes = tf.tidy(() => {
      const now = statisticsOf(input, over);
      return [tf.mul(tf.sub(mean, now.mean), momentum), tf.mul(tf.sub(variance, now.variance), momentum)];
    });
    save(changes);
    return {
      value: tf.clone(input),
      gradFunc: (dy: Tensor, saved: Tensor[]) => [dy, ...saved.map((one) => tf.clone(one))],
    };
  });
  return op(x, running.mean, running.variance) as Tensor5D;
}

/** The norm by running statistics: (x - mean) / sqrt(variance + epsilon), times scale plus bias. The shape stays. */
export function normalizeByStatistics(
  x: Tensor5D,
  { mean, variance }: Statistics,
  scale: Tensor1D,
  bias: Tensor1D,
  epsilon: number,
): Tensor5D {
  const factor = tf.mul(scale, tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(x, factor), tf.sub(bias, tf.mul(mean, factor)));
}
