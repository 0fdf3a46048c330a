import { type Scalar, type Tensor, tf } from '../engine.ts';

/*
 * Softmax over classes and what losses want of it, each with its gradient written out. Tensors are [batch, class, voxel]: with
 * the classes last TensorFlow's own kernels take ten times as long for the few classes that a segmentation has (three classes
 * at 96^3: 16 ms for its softmax and 36 ms for its cross entropy, where a pass over memory takes 1 ms).
 */

type Save = (tensors: Tensor[]) => void;

/** exp(x - max) and its sum over classes; `shifted` is x - max, so that nothing overflows. */
function exponentials(x: Tensor): { shifted: Tensor; sum: Tensor; p: Tensor } {
  const shifted = tf.sub(x, tf.max(x, 1, true));
  const exponential = tf.exp(shifted);
  const sum = tf.sum(exponential, 1, true);
  return { shifted, sum, p: tf.div(exponential, sum) };
}

/** Gradient by the logits from one by the probabilities: p * (g - sum over classes of p * g). */
function throughSoftmax(p: Tensor, g: Tensor): Tensor {
  return tf.mul(p, tf.sub(g, tf.sum(tf.mul(p, g), 1, true)));
}

/** Probabilities of logits, over the classes. */
export function softmaxOverClasses(x: Tensor): Tensor {
  const op = tf.customGrad((...inputs) => {
    const [logits, save] = inputs as unknown as [Tensor, Save];
    const { p } = exponentials(logits);
    save([p]);
    return { value: p, gradFunc: (dy: Tensor, saved: Tensor[]) => throughSoftmax(saved[0] as Tensor, dy) };
  });
  return op(x);
}

function voxelCount(x: Tensor): number {
  return x.size / (x.shape[1] as number);
}

/**
 * Mean over voxels of -sum over classes of t' * log p with t' = (1 - smoothing) t + smoothing / classes: log(sum) of the
 * exponentials less the shifted logits' mean by t'.
 */
function crossEntropyValue({ shifted, sum }: { shifted: Tensor; sum: Tensor }, t: Tensor, smoothing: number): Scalar {
  const exact = tf.sum(tf.sum(tf.mul(shifted, t), 2));
  const classes = t.shape[1] as number;
  const wanted =
    smoothing === 0
      ? exact
      : tf.add(tf.mul(exact, 1 - smoothing), tf.mul(tf.sum(tf.sum(shifted, 2)), smoothing / classes));
  return tf.div(tf.sub(tf.sum(tf.sum(tf.log(sum), 2)), wanted), voxelCount(t)) as Scalar;
}

/** scale * t', the part of the cross entropy's gradient scale * (p - t') that does not depend on p. */
function smoothed(t: Tensor, scale: Tensor, smoothing: number): Tensor {
  if (smoothing === 0) return tf.mul(t, scale);
  const rest = tf.mul(scale, smoothing / (t.shape[1] as number));
  return tf.add(tf.mul(t, tf.mul(scale, 1 - smoothing)), rest);
}

/** Cross entropy of logits `x` against one-hot targets `t`, with label smoothing as PyTorch's. Targets are constants. */
export function crossEntropyOverClasses(x: Tensor, t: Tensor, smoothing: number): Scalar {
  const op = tf.customGrad((...inputs) => {
    const [logits, save] = inputs as unknown as [Tensor, Save];
    const parts = exponentials(logits);
    save([parts.p, t]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [p, truth] = saved as [Tensor, Tensor];
      const scale = tf.div(dy, voxelCount(p));
      return tf.sub(tf.mul(p, scale), smoothed(truth, scale, smoothing));
    };
    return { value: crossEntropyValue(parts, t, smoothing), gradFunc };
  });
  return op(x) as Scalar;
}

/** Sums over voxels of p * t and of p (or p squared), each [batch, class], and the cross entropy. */
export interface SoftmaxSums {
  readonly both: Tensor;
  readonly predicted: Tensor;
  readonly crossEntropy: Scalar;
}

/**
 * What Dice and cross entropy need of the same softmax, in one pass forward and one back: the losses themselves are then
 * formulas over a few numbers a class. `x`, `t`: logits and one-hot targets, [batch, class, voxel]; targets are constants.
 */
export function softmaxSums(x: Tensor, t: Tensor, squared: boolean, smoothing: number): SoftmaxSums {
  const [batch, classes] = x.shape as [number, number, number];
  const each = batch * classes;
  const op = tf.customGrad((...inputs) => {
    const [logits, save] = inputs as unknown as [Tensor, Save];
    const parts = exponentials(logits);
    save([parts.p, t]);
    const both = tf.sum(tf.mul(parts.p, t), 2);
    const predicted = tf.sum(squared ? tf.mul(parts.p, parts.p) : parts.p, 2);
    const crossEntropy = crossEntropyValue(parts, t, smoothing);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [p, truth] = saved as [Tensor, Tensor];
      const [dBoth, dPredicted] = [0, each].map((from) =>
        tf.reshape(tf.slice(dy, [from], [each]), [batch, classes, 1]),
      ) as [Tensor, Tensor];
      const scale = tf.div(tf.reshape(tf.slice(dy, [2 * each], [1]), []), voxelCount(p));
      const g = tf.add(tf.mul(truth, dBoth), squared ? tf.mul(p, tf.mul(dPredicted, 2)) : dPredicted);
      // p * (g - sum p g) of Dice and scale * (p - t) of the cross entropy share the product with p.
      const inner = tf.sub(scale, tf.sum(tf.mul(p, g), 1, true));
      return tf.sub(tf.mul(p, tf.add(g, inner)), smoothed(truth, scale, smoothing));
    };
    // One tensor, for a custom gradient has one value.
    const value = tf.concat([tf.reshape(both, [each]), tf.reshape(predicted, [each]), tf.reshape(crossEntropy, [1])]);
    return { value, gradFunc };
  });
  const [both, predicted, crossEntropy] = tf.split(op(x), [each, each, 1]) as [Tensor, Tensor, Tensor];
  return {
    both: tf.reshape(both, [batch, classes]),
    predicted: tf.reshape(predicted, [batch, classes]),
    crossEntropy: tf.reshape(crossEntropy, []) as Scalar,
  };
}

/** Logarithms of the probabilities. */
export function logSoftmaxOverClasses(x: Tensor): Tensor {
  const op = tf.customGrad((...inputs) => {
    const [logits, save] = inputs as unknown as [Tensor, Save];
    const { p, shifted, sum } = exponentials(logits);
    save([p]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor =>
      tf.sub(dy, tf.mul(saved[0] as Tensor, tf.sum(dy, 1, true)));
    return { value: tf.sub(shifted, tf.log(sum)), gradFunc };
  });
  return op(x);
}
