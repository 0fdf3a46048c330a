import { type Scalar, type Tensor, tf } from '../engine.ts';
import { booleanOption, checkOptions, choiceOption, type Loss, type LossOptions, numberOption } from './options.ts';
import { flatten, foreground, meanOverValid, oneHot } from './overlap.ts';
import { logSoftmaxOverClasses } from './softmax.ts';

/*
 * Focal loss, Lin et al., arXiv:1708.02002, in MONAI's two forms: sigmoid per class (the default) and softmax.
 */

/** -log(1 + exp(-x)), stable for large |x|. */
function logSigmoid(x: Tensor): Tensor {
  return tf.neg(tf.softplus(tf.neg(x)));
}

/** Each value: alpha_t * (1 - pt)^gamma * -log(pt) with pt = sigmoid(x) where the target is 1, else 1 - sigmoid(x). */
function sigmoidFocal(x: Tensor, t: Tensor, gamma: number, alpha: number | null): Tensor {
  const crossEntropy = tf.sub(tf.sub(x, tf.mul(x, t)), logSigmoid(x));
  const logOneMinusPt = logSigmoid(tf.neg(tf.mul(x, tf.sub(tf.mul(t, 2), 1))));
  const focal = tf.mul(tf.exp(tf.mul(logOneMinusPt, gamma)), crossEntropy);
  if (alpha === null) return focal;
  return tf.mul(focal, tf.add(tf.mul(t, alpha), tf.mul(tf.sub(1, t), 1 - alpha)));
}

/** Each value: alpha_c * (1 - p)^gamma * -log(p) * t with p = softmax(x); alpha_c is 1 - alpha for the first class. */
function softmaxFocal(x: Tensor, t: Tensor, gamma: number, alpha: number | null): Tensor {
  const logP = logSoftmaxOverClasses(x);
  const focal = tf.neg(tf.mul(tf.mul(tf.pow(tf.sub(1, tf.exp(logP)), gamma), logP), t));
  if (alpha === null) return focal;
  const weights = Array.from({ length: x.shape[1] as number }, (_, c) => (c === 0 ? 1 - alpha : alpha));
  return tf.mul(focal, tf.tensor2d(weights, [weights.length, 1]));
}

/** Options: include_background, gamma (2), alpha (none), use_softmax (false), reduction. */
export function focalLoss(options: LossOptions): Loss {
  checkOptions('FocalLoss', options, ['include_background', 'gamma', 'alpha', 'use_softmax', 'reduction']);
  const gamma = numberOption(options, 'gamma', 2);
  const alpha = options['alpha'] === undefined || options['alpha'] === null ? null : numberOption(options, 'alpha', 0);
  const background = booleanOption(options, 'include_background', true);
  const softmax = booleanOption(options, 'use_softmax', false);
  const mean = choiceOption(options, 'reduction', ['mean', 'sum']) === 'mean';
  return (logits, classes, valid) => {
    const all: [Tensor, Tensor] = [flatten(logits), oneHot(classes, logits.shape[4])];
    const [x, t] = background ? all : (all.map(foreground) as [Tensor, Tensor]);
    const values = softmax ? softmaxFocal(x, t, gamma, alpha) : sigmoidFocal(x, t, gamma, alpha);
    if (valid != null) {
      const overValid = meanOverValid(tf.mul(values, valid), valid);
      return (mean ? overValid : tf.mul(overValid, (x.shape[0] as number) * (x.shape[1] as number))) as Scalar;
    }
    // With `sum` MONAI still takes the mean over voxels first.
    return (mean ? tf.mean(values) : tf.sum(tf.mean(values, 2))) as Scalar;
  };
}
