import { type Tensor, type Tensor1D, type Tensor5D, tf } from '../engine.ts';

/*
 * Group norm: per sample and group of consecutive channels, biased variance over voxels and the group's channels, as PyTorch's
 * GroupNorm (Wu and He, arXiv:1803.08494). Sums are taken per channel, where memory is read in order, and then over the few
 * channels of a group; the gradient is written out and keeps nothing of the size of x but x.
 */

/** Over the channels of each group, the mean of [batch, 1, channel], given to each of its channels again. */
function groupMeans(perChannel: Tensor, groups: number): Tensor {
  const [batch, , channels] = perChannel.shape as [number, number, number];
  const grouped = tf.reshape(perChannel, [batch, groups, channels / groups]);
  const means = tf.mean(grouped, 2, true);
  return tf.reshape(tf.mul(means, tf.onesLike(grouped)), [batch, 1, channels]);
}

/** Mean over voxels, [batch, voxel, channel] to [batch, 1, channel]. */
function voxelMeans(x: Tensor): Tensor {
  return tf.mean(x, 1, true);
}

/** Group norm with scale and bias. `x`: [batch, x, y, z, channel]; `scale`, `bias`: [channel]; the shape stays. */
export function groupNorm(x: Tensor5D, scale: Tensor1D, bias: Tensor1D, groups: number, epsilon: number): Tensor5D {
  const [batch, sx, sy, sz, channels] = x.shape;
  const flat = [batch, sx * sy * sz, channels];
  const op = tf.customGrad((...inputs) => {
    const [given, gamma, beta, save] = inputs as unknown as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const rows = tf.reshape(given, flat);
    const mean = groupMeans(voxelMeans(rows), groups);
    const variance = groupMeans(voxelMeans(tf.squaredDifference(rows, mean)), groups);
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    save([given, gamma, mean, inverse]);
    const factor = tf.mul(inverse, gamma);
    const value = tf.add(tf.mul(tf.sub(rows, mean), factor), beta);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [savedX, savedGamma, savedMean, savedInverse] = saved as [Tensor, Tensor, Tensor, Tensor];
      const upstream = tf.reshape(dy, flat);
      const normalized = tf.mul(tf.sub(tf.reshape(savedX, flat), savedMean), savedInverse);
      // Means over the voxels of dy and of dy times the normalised value, per sample and channel.
      const alone = voxelMeans(upstream);
      const along = voxelMeans(tf.mul(upstream, normalized));
      const pull = tf.add(
        tf.mul(normalized, groupMeans(tf.mul(along, savedGamma), groups)),
        groupMeans(tf.mul(alone, savedGamma), groups),
      );
      const dx = tf.mul(tf.sub(tf.mul(upstream, savedGamma), pull), savedInverse);
      const voxels = sx * sy * sz;
      const overBatch = (means: Tensor): Tensor => tf.mul(tf.sum(means, [0, 1]), voxels);
      return [tf.reshape(dx, savedX.shape), overBatch(along), overBatch(alone)];
    };
    return { value: tf.reshape(value, given.shape), gradFunc };
  });
  return op(x, scale, bias) as Tensor5D;
}
