import { type Scalar, type Tensor, tf } from '../engine.ts';
import {
  booleanOption,
  checkOptions,
  checkTarget,
  choiceOption,
  forClasses,
  indexOption,
  type Loss,
  type LossOptions,
  numberOption,
  numbersOption,
} from './options.ts';
import { countedVoxels, flatten, foreground, meanOverValid, oneHot } from './overlap.ts';
import { logSoftmaxOverClasses } from './softmax.ts';

/*
 * Focal loss, Lin et al., arXiv:1708.02002, in MONAI's two forms: sigmoid per class (the default) and softmax.
 */

/** Balance of classes: one number, or one for each class. */
type Alpha = number | readonly number[] | null;

/** -log(1 + exp(-x)), stable for large |x|. */
function logSigmoid(x: Tensor): Tensor {
  return tf.neg(tf.softplus(tf.neg(x)));
}

/** Numbers of classes as [class, 1], to go with [batch, class, voxel]. */
function perClass(values: readonly number[]): Tensor {
  return tf.tensor2d([...values], [values.length, 1]);
}

/**
 * Each value: alpha_t * (1 - pt)^gamma * -log(pt) with pt = sigmoid(x) where the target is 1, else 1 - sigmoid(x). One alpha
 * stands against 1 - alpha where the target is 0; a list weighs the targets of 1 alone.
 */
function sigmoidFocal(x: Tensor, t: Tensor, gamma: number, alpha: Alpha): Tensor {
  const crossEntropy = tf.sub(tf.sub(x, tf.mul(x, t)), logSigmoid(x));
  const logOneMinusPt = logSigmoid(tf.neg(tf.mul(x, tf.sub(tf.mul(t, 2), 1))));
  const focal = tf.mul(tf.exp(tf.mul(logOneMinusPt, gamma)), crossEntropy);
  if (alpha === null) return focal;
  const [one, zero] = typeof alpha === 'number' ? [tf.scalar(alpha), 1 - alpha] : [perClass(alpha), 1];
  return tf.mul(focal, tf.add(tf.mul(t, one), tf.mul(tf.sub(1, t), zero)));
}

/** Each value: alpha_c * (1 - p)^gamma * -log(p) * t with p = softmax(x); one alpha is 1 - alpha for the first class. */
function softmaxFocal(x: Tensor, t: Tensor, gamma: number, alpha: Alpha): Tensor {
  const logP = logSoftmaxOverClasses(x);
  const focal = tf.neg(tf.mul(tf.mul(tf.pow(tf.sub(1, tf.exp(logP)), gamma), logP), t));
  if (alpha === null) return focal;
  const classes = Array.from({ length: x.shape[1] as number }, (_, c) => c);
  return tf.mul(focal, perClass(typeof alpha === 'number' ? classes.map((c) => (c === 0 ? 1 - alpha : alpha)) : alpha));
}

/** Options of {@link focalLoss}. */
const FOCAL_OPTIONS = ['include_background', 'gamma', 'alpha', 'weight', 'use_softmax', 'ignore_index', 'reduction'];

/** The option `alpha` for so many classes; one number counts for nothing in a softmax without background, as in MONAI. */
function alphaFor(options: LossOptions, classes: number): Alpha {
  const alpha = numbersOption(options, 'alpha');
  if (alpha !== null && typeof alpha !== 'number') return forClasses('alpha', alpha, classes);
  const without = booleanOption(options, 'use_softmax', false) && !booleanOption(options, 'include_background', true);
  return without ? null : alpha;
}

/** Values [batch, class, voxel] times the option `weight`. */
function weigh(values: Tensor, options: LossOptions): Tensor {
  const weight = numbersOption(options, 'weight');
  if (weight === null) return values;
  return tf.mul(
    values,
    typeof weight === 'number' ? weight : perClass(forClasses('weight', weight, values.shape[1] as number)),
  );
}

/**
 * Over all values, or (`mean` false) the sum over samples and classes of the means over voxels, as MONAI has it. Where voxels are
 * left out, `mean` divides by the number of those that count, classes not counted: MONAI's rule.
 */
function reduceFocal(values: Tensor, counted: Tensor | null, mean: boolean): Scalar {
  if (counted === null) return (mean ? tf.mean(values) : tf.sum(tf.mean(values, 2))) as Scalar;
  const kept = tf.mul(values, counted);
  const voxels = (axes?: number): Tensor => tf.maximum(tf.sum(counted, axes), 1e-7);
  return (mean ? tf.div(tf.sum(kept), voxels()) : tf.sum(tf.div(tf.sum(kept, 2), voxels(2)))) as Scalar;
}

/** Options: include_background, gamma (2), alpha and weight (none), use_softmax (false), ignore_index (none), reduction. */
export function focalLoss(options: LossOptions): Loss {
  checkOptions('FocalLoss', options, FOCAL_OPTIONS);
  const gamma = numberOption(options, 'gamma', 2);
  const background = booleanOption(options, 'include_background', true);
  const softmax = booleanOption(options, 'use_softmax', false);
  const mean = choiceOption(options, 'reduction', ['mean', 'sum']) === 'mean';
  for (const option of ['alpha', 'weight']) numbersOption(options, option);
  indexOption(options, 'ignore_index');
  return (logits, classes, valid) => {
    checkTarget(options, logits.shape[4]);
    const all: [Tensor, Tensor] = [flatten(logits), oneHot(classes, logits.shape[4])];
    const [x, t] = background ? all : (all.map(foreground) as [Tensor, Tensor]);
    const single = (softmax ? softmaxFocal : sigmoidFocal)(x, t, gamma, alphaFor(options, x.shape[1] as number));
    const values = weigh(single, options);
    const counted = countedVoxels(classes, options);
    if (counted !== null) return reduceFocal(values, valid == null ? counted : tf.mul(counted, valid), mean);
    if (valid == null) return reduceFocal(values, null, mean);
    const overValid = meanOverValid(tf.mul(values, valid), valid);
    return (mean ? overValid : tf.mul(overValid, (x.shape[0] as number) * (x.shape[1] as number))) as Scalar;
  };
}
