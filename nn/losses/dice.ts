import { type Scalar, type Tensor, tf } from '../engine.ts';
import {
  booleanOption,
  checkOptions,
  checkTarget,
  choiceOption,
  indexOption,
  type Loss,
  type LossOptions,
  numberOption,
  numbersOption,
} from './options.ts';
import {
  activationOption,
  checkSoftLabel,
  flatten,
  OVERLAP_OPTIONS,
  type Overlap,
  oneHot,
  overBatch,
  overlapOf,
  predictionAndTarget,
  reduce,
  weighClasses,
} from './overlap.ts';
import { softmaxSums } from './softmax.ts';

/*
 * Overlap losses by MONAI's names, options and defaults (automl.md 3.1). tp = sum(p*t), fp = sum(p) - tp, fn = sum(t) - tp.
 */

/** Options of {@link diceLoss} that the losses made of it have as well. */
export const DICE_OPTIONS = [
  ...OVERLAP_OPTIONS.filter((option) => option !== 'soft_label'),
  'squared_pred',
  'jaccard',
  'weight',
];

function smoothing(options: LossOptions): { nr: number; dr: number } {
  return { nr: numberOption(options, 'smooth_nr', 1e-5), dr: numberOption(options, 'smooth_dr', 1e-5) };
}

/** Refuses what can be refused before there is a batch: unknown options, and values of a wrong type. */
function checkOverlap(loss: string, options: LossOptions, known: readonly string[]): void {
  checkOptions(loss, options, known);
  checkSoftLabel(options);
  choiceOption(options, 'reduction', ['mean', 'sum']);
  booleanOption(options, 'include_background', true);
  numbersOption(options, 'weight');
  indexOption(options, 'ignore_index');
}

/** 1 - (2 tp + nr) / (2 tp + fp + fn + dr); with `jaccard` fp and fn count double. */
function diceOf(options: LossOptions): (overlap: Overlap) => Scalar {
  const { nr, dr } = smoothing(options);
  const jaccard = booleanOption(options, 'jaccard', false);
  return ({ both, predicted, truth }) => {
    const sizes = tf.add(predicted, truth);
    const denominator = jaccard ? tf.mul(tf.sub(sizes, both), 2) : sizes;
    const score = tf.div(tf.add(tf.mul(both, 2), nr), tf.add(denominator, dr));
    return reduce(weighClasses(tf.sub(1, score), options), options) as Scalar;
  };
}

/** Soft Dice, Milletari et al., arXiv:1606.04797; with `squared_pred` of p squared. */
export function diceLoss(options: LossOptions): Loss {
  checkOverlap('DiceLoss', options, [...DICE_OPTIONS, 'soft_label', 'ignore_index']);
  const dice = diceOf(options);
  const squared = booleanOption(options, 'squared_pred', false);
  const batch = booleanOption(options, 'batch', false);
  return (logits, classes, valid) => {
    const [p, t] = predictionAndTarget(logits, classes, valid, options);
    return dice(overlapOf(p, t, squared, batch));
  };
}

/** Weights and label smoothing of Dice plus cross entropy. */
export interface DiceCeWeights {
  readonly dice: number;
  readonly crossEntropy: number;
  readonly labelSmoothing: number;
}

/**
 * Dice plus cross entropy over one softmax. Equal to {@link diceLoss} plus cross entropy, each weighted; only for the option
 * `softmax`, more than one class, and no weights of classes.
 */
export function softmaxDiceCe(options: LossOptions, weights: DiceCeWeights): Loss {
  const dice = diceOf(options);
  const squared = booleanOption(options, 'squared_pred', false);
  const batch = booleanOption(options, 'batch', false);
  const background = booleanOption(options, 'include_background', true);
  const summed = choiceOption(options, 'reduction', ['mean', 'sum']) === 'sum';
  return (logits, classes) => {
    checkTarget(options, logits.shape[4]);
    const t = oneHot(classes, logits.shape[4]);
    const { both, predicted, crossEntropy } = softmaxSums(flatten(logits), t, squared, weights.labelSmoothing);
    const all = [both, predicted, tf.sum(t, 2)];
    const [tp, size, truth] = (background ? all : all.map(withoutFirst)) as [Tensor, Tensor, Tensor];
    const overlap = overBatch({ both: tp, predicted: size, truth }, batch);
    // What came is the mean over voxels.
    const factor = weights.crossEntropy * (summed ? classes.size : 1);
    return tf.add(tf.mul(dice(overlap), weights.dice), tf.mul(crossEntropy, factor)) as Scalar;
  };
}

/** [batch, class] without the background. */
function withoutFirst(x: Tensor): Tensor {
  return tf.slice(x, [0, 1], [x.shape[0] as number, (x.shape[1] as number) - 1]);
}

/** True where {@link softmaxDiceCe} holds for the options and a number of classes. */
export function isFusible(options: LossOptions, classes: number): boolean {
  return activationOption(options) === 'softmax' && classes > 1 && numbersOption(options, 'weight') === null;
}

/** 1 / volume^2, 1 / volume or 1 per class; a class without voxels takes the largest weight of its sample. */
function volumeWeights(truth: Tensor, kind: 'square' | 'simple' | 'uniform'): Tensor {
  if (kind === 'uniform') return tf.onesLike(truth);
  const volume = kind === 'square' ? tf.square(truth) : truth;
  const empty = tf.equal(truth, 0);
  const weights = tf.where(empty, tf.zerosLike(volume), tf.reciprocal(tf.where(empty, tf.onesLike(volume), volume)));
  return tf.where(empty, tf.mul(tf.onesLike(weights), tf.max(weights, 1, true)), weights);
}

/** Sudre et al., arXiv:1707.03237: 1 - (2 sum w tp + nr) / (sum w (2 tp + fp + fn) + dr), summed over classes. */
export function generalizedDiceLoss(options: LossOptions): Loss {
  checkOverlap('GeneralizedDiceLoss', options, [...OVERLAP_OPTIONS, 'w_type']);
  const { nr, dr } = smoothing(options);
  const kind = choiceOption(options, 'w_type', ['square', 'simple', 'uniform']);
  const batch = booleanOption(options, 'batch', false);
  return (logits, classes, valid) => {
    const [p, t] = predictionAndTarget(logits, classes, valid, options);
    const { both, predicted, truth } = overlapOf(p, t, false, batch);
    const weights = volumeWeights(truth, kind);
    const top = tf.add(tf.mul(tf.sum(tf.mul(both, weights), 1), 2), nr);
    const bottom = tf.add(tf.sum(tf.mul(tf.add(predicted, truth), weights), 1), dr);
    return reduce(tf.sub(1, tf.div(top, bottom)), options) as Scalar;
  };
}

/** Salehi et al., arXiv:1706.05721: 1 - (tp + nr) / (tp + alpha fp + beta fn + dr). */
export function tverskyLoss(options: LossOptions): Loss {
  checkOverlap('TverskyLoss', options, [...OVERLAP_OPTIONS, 'alpha', 'beta', 'ignore_index']);
  const { nr, dr } = smoothing(options);
  const alpha = numberOption(options, 'alpha', 0.5);
  const beta = numberOption(options, 'beta', 0.5);
  const batch = booleanOption(options, 'batch', false);
  return (logits, classes, valid) => {
    const [p, t] = predictionAndTarget(logits, classes, valid, options);
    const { both, predicted, truth } = overlapOf(p, t, false, batch);
    const missed = tf.add(tf.mul(tf.sub(predicted, both), alpha), tf.mul(tf.sub(truth, both), beta));
    const score = tf.div(tf.add(both, nr), tf.add(tf.add(both, missed), dr));
    return reduce(tf.sub(1, score), options) as Scalar;
  };
}
