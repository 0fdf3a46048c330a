import { type Scalar, type Tensor, tf } from '../engine.ts';
import { booleanOption, checkOptions, choiceOption, type Loss, type LossOptions, numberOption } from './options.ts';
import { foreground, OVERLAP_OPTIONS, oneHot, overlapOf, probabilities, reduce } from './overlap.ts';

/*
 * Overlap losses by MONAI's names, options and defaults (automl.md 3.1). tp = sum(p*t), fp = sum(p) - tp, fn = sum(t) - tp.
 */

/** Options of {@link diceLoss}. */
export const DICE_OPTIONS = [...OVERLAP_OPTIONS, 'squared_pred', 'jaccard'];

function smoothing(options: LossOptions): { nr: number; dr: number } {
  return { nr: numberOption(options, 'smooth_nr', 1e-5), dr: numberOption(options, 'smooth_dr', 1e-5) };
}

/** Probabilities and one-hot targets, [batch, voxels, class], without background where the options say so. */
function pair(logits: Parameters<Loss>[0], classes: Tensor, options: LossOptions): [Tensor, Tensor] {
  const p = probabilities(logits, options);
  const t = oneHot(classes, logits.shape[4]);
  return booleanOption(options, 'include_background', true) ? [p, t] : [foreground(p), foreground(t)];
}

/** 1 - (2 tp + nr) / (2 tp + fp + fn + dr); with `squared_pred` of p squared; with `jaccard` fp and fn count double. */
export function diceLoss(options: LossOptions): Loss {
  checkOptions('DiceLoss', options, DICE_OPTIONS);
  const { nr, dr } = smoothing(options);
  const squared = booleanOption(options, 'squared_pred', false);
  const jaccard = booleanOption(options, 'jaccard', false);
  const batch = booleanOption(options, 'batch', false);
  return (logits, classes) => {
    const [p, t] = pair(logits, classes, options);
    const { both, predicted, truth } = overlapOf(p, t, squared, batch);
    const sizes = tf.add(predicted, truth);
    const denominator = jaccard ? tf.mul(tf.sub(sizes, both), 2) : sizes;
    const score = tf.div(tf.add(tf.mul(both, 2), nr), tf.add(denominator, dr));
    return reduce(tf.sub(1, score), options) as Scalar;
  };
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
  checkOptions('GeneralizedDiceLoss', options, [...OVERLAP_OPTIONS, 'w_type']);
  const { nr, dr } = smoothing(options);
  const kind = choiceOption(options, 'w_type', ['square', 'simple', 'uniform']);
  const batch = booleanOption(options, 'batch', false);
  return (logits, classes) => {
    const [p, t] = pair(logits, classes, options);
    const { both, predicted, truth } = overlapOf(p, t, false, batch);
    const weights = volumeWeights(truth, kind);
    const top = tf.add(tf.mul(tf.sum(tf.mul(both, weights), 1), 2), nr);
    const bottom = tf.add(tf.sum(tf.mul(tf.add(predicted, truth), weights), 1), dr);
    return reduce(tf.sub(1, tf.div(top, bottom)), options) as Scalar;
  };
}

/** Salehi et al., arXiv:1706.05721: 1 - (tp + nr) / (tp + alpha fp + beta fn + dr). */
export function tverskyLoss(options: LossOptions): Loss {
  checkOptions('TverskyLoss', options, [...OVERLAP_OPTIONS, 'alpha', 'beta']);
  const { nr, dr } = smoothing(options);
  const alpha = numberOption(options, 'alpha', 0.5);
  const beta = numberOption(options, 'beta', 0.5);
  const batch = booleanOption(options, 'batch', false);
  return (logits, classes) => {
    const [p, t] = pair(logits, classes, options);
    const { both, predicted, truth } = overlapOf(p, t, false, batch);
    const missed = tf.add(tf.mul(tf.sub(predicted, both), alpha), tf.mul(tf.sub(truth, both), beta));
    const score = tf.div(tf.add(both, nr), tf.add(tf.add(both, missed), dr));
    return reduce(tf.sub(1, score), options) as Scalar;
  };
}
