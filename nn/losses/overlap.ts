import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Tensor, type Tensor5D, tf } from '../engine.ts';
import { fullPrecision } from '../full-precision.ts';
import { hasNativeKernels, rawOp1 } from '../raw-op.ts';
import {
  booleanOption,
  checkTarget,
  choiceOption,
  forClasses,
  indexOption,
  type LossOptions,
  numbersOption,
} from './options.ts';
import { softmaxOverClasses } from './softmax.ts';

/*
 * What Dice, generalized Dice and Tversky share: probabilities, one-hot targets, and their overlap per sample and class
 * (automl.md 3.1). Tensors are [batch, class, voxel]: see softmax.ts.
 */

/** Options of every overlap loss. */
export const OVERLAP_OPTIONS = [
  'include_background',
  'sigmoid',
  'softmax',
  'batch',
  'smooth_nr',
  'smooth_dr',
  'reduction',
  'soft_label',
];

/** Class indices int32 [batch, x, y, z] as float one-hot [batch, class, voxel]; with one class the index itself. */
export function oneHot(classes: Tensor, channels: number): Tensor {
  if (isTargets(classes)) return classes;
  const batch = classes.shape[0] as number;
  const voxels = classes.size / batch;
  if (channels === 1) return tf.cast(tf.reshape(classes, [batch, 1, voxels]), 'float32');
  if (!hasNativeKernels()) {
    const ordinal = tf.reshape(tf.range(0, channels, 1, 'int32'), [1, channels, 1]);
    return tf.cast(tf.equal(tf.reshape(classes, [batch, 1, voxels]), ordinal), 'float32');
  }
  const attributes = { T: { dtype: 'float32' }, TI: { dtype: 'int32' }, axis: { int: 1 } } as const;
  const flat = tf.reshape(classes, [batch, voxels]);
  return rawOp1('OneHot', attributes, [flat, tf.scalar(channels, 'int32'), tf.scalar(1), tf.scalar(0)]);
}

/** Logits [batch, x, y, z, class] as [batch, class, voxel], in full precision. */
export function flatten(logits: Tensor5D): Tensor {
  const [batch, sx, sy, sz, channels] = logits.shape;
  return tf.transpose(tf.reshape(fullPrecision(logits), [batch, sx * sy * sz, channels]), [0, 2, 1]);
}

/** True of targets [batch, class, voxel] that were made already: where a voxel may be of several classes at once. */
export function isTargets(classes: Tensor): boolean {
  return classes.rank === 3;
}

/**
 * Targets of groups of classes, [batch, group, voxel], 1 where a voxel's class is of the group. `members`: of each class by
 * its index, whether it belongs to each group. An index beyond the classes is of none.
 */
export function groupTargets(classes: Tensor, members: readonly (readonly boolean[])[]): Tensor {
  const groups = members[0]?.length ?? 0;
  const batch = classes.shape[0] as number;
  const table = [...members, Array<boolean>(groups).fill(false)].map((row) => row.map(Number));
  const rows = tf.minimum(tf.reshape(classes, [classes.size]), tf.scalar(members.length, 'int32')) as Tensor;
  const found = tf.gather(tf.tensor2d(table, [table.length, groups]), tf.cast(rows, 'int32'));
  return tf.transpose(tf.reshape(found, [batch, classes.size / batch, groups]), [0, 2, 1]);
}

/** 1 where a voxel has one of `count` classes, 0 where its index is beyond all of them, [batch, 1, voxel]. */
export function validVoxels(classes: Tensor, count: number): Tensor {
  const batch = classes.shape[0] as number;
  return tf.cast(tf.less(tf.reshape(classes, [batch, 1, classes.size / batch]), tf.scalar(count, 'int32')), 'float32');
}

/** The mean over voxels of values [batch, class, voxel] that are 0 where a voxel is left out; at least one voxel counts. */
export function meanOverValid(values: Tensor, valid: Tensor): Tensor {
  const channels = values.shape[1] as number;
  return tf.div(tf.sum(tf.sum(values, 2)), tf.maximum(tf.mul(tf.sum(valid), channels), 1));
}

/** Without the background: all classes but the first. A single class stays. */
export function foreground(x: Tensor): Tensor {
  const [batch, channels, voxels] = x.shape as [number, number, number];
  return channels === 1 ? x : tf.slice(x, [0, 1, 0], [batch, channels - 1, voxels]);
}

/** How the options `sigmoid` and `softmax` make probabilities of logits; not at all without both. */
export function activationOption(options: LossOptions): 'sigmoid' | 'softmax' | null {
  const sigmoid = booleanOption(options, 'sigmoid', false);
  const softmax = booleanOption(options, 'softmax', false);
  if (sigmoid && softmax) {
    throw new VoxhelmError('invalid-request', 'the loss options sigmoid and softmax exclude each other', {
      details: { option: 'sigmoid' },
    });
  }
  return sigmoid ? 'sigmoid' : softmax ? 'softmax' : null;
}

/**
 * Checks `soft_label`: MONAI's formulas for soft labels are the others where targets are 0 or 1 (they are here) and predictions
 * lie between. Throws `invalid-request` where nothing brings the predictions there.
 */
export function checkSoftLabel(options: LossOptions): void {
  if (!booleanOption(options, 'soft_label', false) || activationOption(options) !== null) return;
  throw new VoxhelmError('invalid-request', 'the loss option soft_label is true without sigmoid or softmax', {
    fix: 'Give sigmoid or softmax with it.',
    details: { option: 'soft_label' },
  });
}

/** 1 where a voxel counts and 0 where its class is `ignore_index`, [batch, 1, voxel]; null where all count. */
export function countedVoxels(classes: Tensor, options: LossOptions): Tensor | null {
  const ignored = indexOption(options, 'ignore_index');
  if (ignored === null) return null;
  if (isTargets(classes)) {
    throw new VoxhelmError('invalid-request', `the loss option ignore_index is ${ignored} for groups of labels`, {
      fix: "Leave it out and give the plan's ignore label.",
      details: { option: 'ignore_index' },
    });
  }
  const batch = classes.shape[0] as number;
  const counted = tf.notEqual(tf.reshape(classes, [batch, 1, classes.size / batch]), tf.scalar(ignored, 'int32'));
  return tf.cast(counted, 'float32');
}

/** Probabilities [batch, class, voxel] by the options. */
export function probabilities(logits: Tensor5D, options: LossOptions): Tensor {
  const flat = flatten(logits);
  const activation = activationOption(options);
  if (activation === 'sigmoid') return tf.sigmoid(flat);
  // A softmax over one class would be 1 everywhere; MONAI leaves it out as well.
  return activation === 'softmax' && logits.shape[4] > 1 ? softmaxOverClasses(flat) : flat;
}

/** Probabilities and one-hot targets, [batch, class, voxel], without background and ignored voxels where the options say so. */
export function predictionAndTarget(
  logits: Tensor5D,
  classes: Tensor,
  valid: Tensor | null | undefined,
  options: LossOptions,
): [Tensor, Tensor] {
  checkTarget(options, logits.shape[4]);
  const all: [Tensor, Tensor] = [probabilities(logits, options), oneHot(classes, logits.shape[4])];
  // What is left out is in neither.
  const masks = [countedVoxels(classes, options), valid ?? null].filter((mask) => mask !== null);
  const [p, t] = all.map((x) => masks.reduce((left, mask) => tf.mul(left, mask), x)) as [Tensor, Tensor];
  return booleanOption(options, 'include_background', true) ? [p, t] : [foreground(p), foreground(t)];
}

/** Losses [batch, class] times the option `weight`; a single class is not weighted, as in MONAI. */
export function weighClasses(values: Tensor, options: LossOptions): Tensor {
  const weight = numbersOption(options, 'weight');
  const classes = values.shape[1] as number;
  if (weight === null || classes === 1) return values;
  return tf.mul(values, typeof weight === 'number' ? weight : tf.tensor1d([...forClasses('weight', weight, classes)]));
}

/** Sums over voxels of p*t, of p (or p squared) and of t, each [batch, class], or [1, class] over the whole batch. */
export interface Overlap {
  readonly both: Tensor;
  readonly predicted: Tensor;
  readonly truth: Tensor;
}

/**
 * The two sums that depend on p, as [2, batch, class], with a gradient of two elementwise products; tfjs's gradient of `sum`
 * fills an array in JavaScript instead.
 */
function predictionSums(p: Tensor, t: Tensor, squared: boolean): Tensor {
  const op = tf.customGrad((...inputs) => {
    const [prediction, truth, save] = inputs as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
    save([prediction, truth]);
    const both = tf.sum(tf.mul(prediction, truth), 2);
    const alone = tf.sum(squared ? tf.square(prediction) : prediction, 2);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [sp, st] = saved as [Tensor, Tensor];
      // [batch, class, 1] broadcasts over the voxels. Targets are constants.
      const [dBoth, dAlone] = tf.split(tf.expandDims(dy, 3), 2, 0).map((d) => tf.squeeze(d, [0])) as [Tensor, Tensor];
      const fromAlone = squared ? tf.mul(sp, tf.mul(dAlone, 2)) : dAlone;
      return [tf.add(tf.mul(st, dBoth), fromAlone), tf.zerosLike(st)];
    };
    return { value: tf.stack([both, alone]), gradFunc };
  });
  return op(p, t);
}

/** Overlap of probabilities and one-hot targets, both [batch, class, voxel]; `squared`: of p squared. */
export function overlapOf(p: Tensor, t: Tensor, squared: boolean, batch: boolean): Overlap {
  const [both, predicted] = tf.unstack(predictionSums(p, t, squared)) as [Tensor, Tensor];
  return overBatch({ both, predicted, truth: tf.sum(t, 2) }, batch);
}

/** With `batch`, sums over the whole batch as of one sample. */
export function overBatch(overlap: Overlap, batch: boolean): Overlap {
  if (!batch) return overlap;
  const [both, predicted, truth] = [overlap.both, overlap.predicted, overlap.truth].map((x) => tf.sum(x, 0, true));
  return { both, predicted, truth } as Overlap;
}

/** Mean or sum of the losses of samples and classes, by the option `reduction`. */
export function reduce(values: Tensor, options: LossOptions): Tensor {
  return choiceOption(options, 'reduction', ['mean', 'sum']) === 'mean' ? tf.mean(values) : tf.sum(values);
}
