import { type Scalar, type Tensor, tf } from '../engine.ts';
import {
  checkTarget,
  choiceOption,
  forClasses,
  type Loss,
  type LossOptions,
  numberOption,
  numbersOption,
} from './options.ts';
import { flatten, isTargets, oneHot } from './overlap.ts';
import { crossEntropyOverClasses, logSoftmaxOverClasses } from './softmax.ts';

/**
 * Binary cross entropy with logits of each value: (1 - t) x + (1 + (w - 1) t) log(1 + exp(-x)), `positive` being w, PyTorch's
 * `pos_weight`: one number, or [class, 1].
 */
function binaryCrossEntropy(x: Tensor, t: Tensor, positive: Tensor | null): Tensor {
  const logTerm = tf.add(tf.log1p(tf.exp(tf.neg(tf.abs(x)))), tf.relu(tf.neg(x)));
  const share = positive === null ? logTerm : tf.mul(logTerm, tf.add(1, tf.mul(t, tf.sub(positive, 1))));
  return tf.add(tf.mul(tf.sub(1, t), x), share);
}

/**
 * Cross entropy with a weight for each class, by PyTorch's formula: sum over voxels of -w_y log p_y, over the sum of w_y for
 * the mean; a share `smoothing` of it is the mean over the classes of -w_c log p_c instead.
 */
function weightedCrossEntropy(
  x: Tensor,
  t: Tensor,
  valid: Tensor | null,
  weights: readonly number[],
  smoothing: number,
  summed: boolean,
): Scalar {
  const weight = tf.tensor2d([...weights], [weights.length, 1]);
  const each = valid === null ? weight : tf.mul(weight, valid);
  const logP = logSoftmaxOverClasses(x);
  const own = tf.mul(t, each);
  const exact = tf.sum(tf.mul(own, logP));
  const all = tf.sum(tf.mul(logP, each));
  const total = tf.neg(tf.add(tf.mul(exact, 1 - smoothing), tf.mul(all, smoothing / weights.length)));
  // At least something, where no voxel counts.
  return (summed ? total : tf.div(total, tf.maximum(tf.sum(own), 1e-7))) as Scalar;
}

/** The `pos_weight` of so many channels; null: 1. */
function positiveWeight(weight: number | readonly number[] | null, channels: number): Tensor | null {
  if (weight === null) return null;
  if (typeof weight === 'number') return tf.scalar(weight);
  return tf.tensor2d([...forClasses('weight', weight, channels)], [channels, 1]);
}

/**
 * Cross entropy of softmax over all classes, as PyTorch's CrossEntropyLoss; of a single output channel and of groups of labels
 * BCEWithLogitsLoss, which knows no label smoothing. Options: `label_smoothing` (0), `weight` (none; a list with a number for each class, or
 * `pos_weight` of the channels), `reduction` over voxels (mean).
 */
export function crossEntropyLoss(options: LossOptions): Loss {
  const smoothing = numberOption(options, 'label_smoothing', 0);
  const weight = numbersOption(options, 'weight');
  const summed = choiceOption(options, 'reduction', ['mean', 'sum']) === 'sum';
  return (logits, classes, valid) => {
    const channels = logits.shape[4];
    checkTarget(options, channels);
    const all = flatten(logits);
    const target = oneHot(classes, channels);
    // Classes that a voxel may have several of are asked for one by one.
    if (channels === 1 || isTargets(classes)) {
      const values = binaryCrossEntropy(all, target, positiveWeight(weight, channels));
      const total = tf.sum(valid == null ? values : tf.mul(values, valid));
      if (summed) return total as Scalar;
      const voxels = valid == null ? tf.scalar(all.size / channels) : tf.maximum(tf.sum(valid), 1);
      return tf.div(total, tf.mul(voxels, channels)) as Scalar;
    }
    if (weight !== null) {
      // PyTorch takes no single number here.
      const list = forClasses('weight', typeof weight === 'number' ? [weight] : weight, channels);
      return weightedCrossEntropy(all, target, valid ?? null, list, smoothing, summed);
    }
    if (valid == null) {
      const mean = crossEntropyOverClasses(all, target, smoothing);
      return (summed ? tf.mul(mean, classes.size) : mean) as Scalar;
    }
    // Logits of 0 where a voxel is left out: then it adds the same whatever the network says, and that is taken away again.
    const mean = crossEntropyOverClasses(tf.mul(all, valid), tf.mul(target, valid), smoothing);
    const left = tf.sum(valid);
    const added = tf.mul(tf.sub(valid.size, left), Math.log(channels));
    const total = tf.sub(tf.mul(mean, valid.size), added);
    return (summed ? total : tf.div(total, tf.maximum(left, 1))) as Scalar;
  };
}
