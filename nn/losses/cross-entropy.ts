import { type Scalar, type Tensor, tf } from '../engine.ts';
import { type Loss, type LossOptions, numberOption } from './options.ts';
import { flatten, oneHot } from './overlap.ts';
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
  return (logits, classes) => {
    const channels = logits.shape[4];
    const x = flatten(logits);
    const t = oneHot(classes, channels);
    return channels === 1 ? binaryCrossEntropy(x, t) : crossEntropyOverClasses(x, t, smoothing);
  };
}
