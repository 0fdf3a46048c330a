import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Tensor, type Tensor5D, tf } from '../engine.ts';
import { booleanOption, choiceOption, type LossOptions } from './options.ts';

/*
 * What Dice, generalized Dice and Tversky share: probabilities, one-hot targets, and their overlap per sample and class
 * (automl.md 3.1).
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
];

/** Class indices int32 [batch, x, y, z] as float one-hot [batch, voxels, class]; with one class the index itself. */
export function oneHot(classes: Tensor, channels: number): Tensor {
  const batch = classes.shape[0] as number;
  const voxels = classes.size / batch;
  if (channels === 1) return tf.cast(tf.reshape(classes, [batch, voxels, 1]), 'float32');
  return tf.oneHot(tf.reshape(classes, [batch, voxels]) as never, channels, 1, 0, 'float32');
}

/** Logits [batch, x, y, z, class] as [batch, voxels, class]. */
export function flatten(logits: Tensor5D): Tensor {
  const [batch, sx, sy, sz, channels] = logits.shape;
  return tf.reshape(logits, [batch, sx * sy * sz, channels]);
}

/** Without the background: all classes but the first. A single class stays. */
export function foreground(x: Tensor): Tensor {
  const [batch, voxels, channels] = x.shape as [number, number, number];
  return channels === 1 ? x : tf.slice(x, [0, 0, 1], [batch, voxels, channels - 1]);
}

/** Probabilities [batch, voxels, class] by the options `sigmoid` and `softmax`; the logits as they are without both. */
export function probabilities(logits: Tensor5D, options: LossOptions): Tensor {
  const flat = flatten(logits);
  const sigmoid = booleanOption(options, 'sigmoid', false);
  const softmax = booleanOption(options, 'softmax', false);
  if (sigmoid && softmax) {
    throw new VoxhelmError('invalid-request', 'the loss options sigmoid and softmax exclude each other', {
      details: { option: 'sigmoid' },
    });
  }
  if (sigmoid) return tf.sigmoid(flat);
  // A softmax over one class would be 1 everywhere; MONAI leaves it out as well.
  return softmax && logits.shape[4] > 1 ? tf.softmax(flat) : flat;
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
    const both = tf.sum(tf.mul(prediction, truth), 1);
    const alone = tf.sum(squared ? tf.square(prediction) : prediction, 1);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [sp, st] = saved as [Tensor, Tensor];
      const [dBoth, dAlone] = tf.split(tf.expandDims(dy, 2), 2, 0).map((d) => tf.squeeze(d, [0])) as [Tensor, Tensor];
      const fromAlone = squared ? tf.mul(sp, tf.mul(dAlone, 2)) : dAlone;
      // [batch, 1, class] broadcasts over the voxels. Targets are constants.
      const shape = [sp.shape[0] as number, 1, sp.shape[2] as number];
      return [
        tf.add(tf.mul(st, tf.reshape(dBoth, shape)), squared ? fromAlone : tf.reshape(fromAlone, shape)),
        tf.zerosLike(st),
      ];
    };
    return { value: tf.stack([both, alone]), gradFunc };
  });
  return op(p, t);
}

/** Overlap of probabilities and one-hot targets, both [batch, voxels, class]; `squared`: of p squared. */
export function overlapOf(p: Tensor, t: Tensor, squared: boolean, batch: boolean): Overlap {
  const [both, predicted] = tf.unstack(predictionSums(p, t, squared)) as [Tensor, Tensor];
  const truth = tf.sum(t, 1);
  if (!batch) return { both, predicted, truth };
  return { both: tf.sum(both, 0, true), predicted: tf.sum(predicted, 0, true), truth: tf.sum(truth, 0, true) };
}

/** Mean or sum of the losses of samples and classes, by the option `reduction`. */
export function reduce(values: Tensor, options: LossOptions): Tensor {
  return choiceOption(options, 'reduction', ['mean', 'sum']) === 'mean' ? tf.mean(values) : tf.sum(values);
}
