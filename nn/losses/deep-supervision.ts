import { type Scalar, type Tensor, type Tensor5D, tf } from '../engine.ts';
import type { Loss } from './options.ts';

/**
 * Positions that "nearest-exact" reads when an axis of `from` voxels becomes one of `to`: floor((i + 0.5) * from / to).
 */
export function nearestExactIndices(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to }, (_, i) => Math.min(from - 1, Math.floor(((i + 0.5) * from) / to)));
}

/** Class indices int32 [batch, x, y, z] brought to another grid by nearest-exact. */
export function resizeClasses(classes: Tensor, size: readonly [number, number, number]): Tensor {
  return size.reduce((current, to, axis) => {
    const from = current.shape[axis + 1] as number;
    return from === to ? current : tf.gather(current, tf.tensor1d(nearestExactIndices(from, to), 'int32'), axis + 1);
  }, classes);
}

/** Weighted sum of a loss over heads, finest first; the targets are resized to each head's grid. */
export function deepSupervision(
  loss: Loss,
  weights: readonly number[],
): (heads: Tensor5D[], classes: Tensor) => Scalar {
  return (heads, classes) => {
    const terms = heads.map((logits, i) => {
      const [, x, y, z] = logits.shape;
      return tf.mul(loss(logits, resizeClasses(classes, [x, y, z])), weights[i] ?? 0);
    });
    return (terms.length === 1 ? (terms[0] as Tensor) : tf.addN(terms)) as Scalar;
  };
}
