import { type Scalar, type Tensor, tf } from '../engine.ts';
import { type Loss, type LossOptions, numberOption } from './options.ts';
import { flatten, isTargets, oneHot } from './overlap.ts';
import { crossEntropyOverClasses } from './softmax.ts';

/** Binary cross entropy with logits, for a network of one output channel: max(x, 0) - x*t + log(1 + exp(-|x|)). */
function binaryCrossEntropy(x: Tensor, t: Tensor): Scalar {
  return tf.mean(tf.add(tf.sub(tf.relu(x), tf.mul(x, t)), tf.log1p(tf.exp(tf.neg(tf.abs(x)))))) as Scalar;
}

/**
 * Cross entropy of softmax over all classes, mean over voxels, as PyTorch's CrossEntropyLoss.
 * Options: `label_smoothing` (0).
 */
export function crossEntropyLoss(options: LossOptions): Loss {
  const smoothing = numberOption(options, 'label_smoothing', 0);
  return (logits, classes, valid) => {
    const channels = logits.shape[4];
    const all = flatten(logits);
    // Logits of 0 where a voxel is left out: then it adds the same whatever the network says, and that is taken away again.
    const x = valid == null ? all : tf.mul(all, valid);
    const t = valid == null ? oneHot(classes, channels) : tf.mul(oneHot(classes, channels), valid);
    // Classes that a voxel may have several of are asked for one by one.
    const binary = channels === 1 || isTargets(classes);
    const mean = binary ? binaryCrossEntropy(x, t) : crossEntropyOverClasses(x, t, smoothing);
    if (valid == null) return mean;
    const left = tf.sum(valid);
    const added = tf.mul(tf.sub(valid.size, left), Math.log(binary ? 2 : channels));
    return tf.div(tf.sub(tf.mul(mean, valid.size), added), tf.maximum(left, 1)) as Scalar;
  };
}
