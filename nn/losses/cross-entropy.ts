import { type Scalar, type Tensor, tf } from '../engine.ts';
import { hasNativeKernels, rawOp } from '../raw-op.ts';
import { type Loss, type LossOptions, numberOption } from './options.ts';
import { flatten, oneHot } from './overlap.ts';

/*
 * Cross entropy of softmax over all classes, mean over voxels, as PyTorch's CrossEntropyLoss with label smoothing.
 */

/** Over plain tfjs ops. `x`, `t`: [rows, class]. */
export function plainCrossEntropy(x: Tensor, t: Tensor): Scalar {
  const rows = x.shape[0] as number;
  return tf.mul(tf.sum(tf.mul(tf.logSoftmax(x), t)), -1 / rows) as Scalar;
}

/** Over the kernel that gives loss and gradient at once. `x`, `t`: [rows, class]. */
export function fusedCrossEntropy(x: Tensor, t: Tensor): Scalar {
  const rows = x.shape[0] as number;
  const op = tf.customGrad((...inputs) => {
    const [logits, targets, save] = inputs as unknown as [Tensor, Tensor, (tensors: Tensor[]) => void];
    const [losses, backprop] = rawOp(
      'SoftmaxCrossEntropyWithLogits',
      { T: { dtype: 'float32' } },
      [logits, targets],
      2,
    ) as [Tensor, Tensor];
    save([backprop, targets]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => [
      tf.mul(saved[0] as Tensor, tf.div(dy, rows)),
      tf.zerosLike(saved[1] as Tensor),
    ];
    return { value: tf.mean(losses), gradFunc };
  });
  return op(x, t) as Scalar;
}

/** Binary cross entropy with logits, for a network of one output channel: max(x, 0) - x*t + log(1 + exp(-|x|)). */
function binaryCrossEntropy(x: Tensor, t: Tensor): Scalar {
  return tf.mean(tf.add(tf.sub(tf.relu(x), tf.mul(x, t)), tf.log1p(tf.exp(tf.neg(tf.abs(x)))))) as Scalar;
}

/** Options: `label_smoothing` (0). */
export function crossEntropyLoss(options: LossOptions): Loss {
  const smoothing = numberOption(options, 'label_smoothing', 0);
  return (logits, classes) => {
    const channels = logits.shape[4];
    const x = tf.reshape(flatten(logits), [-1, channels]);
    const exact = tf.reshape(oneHot(classes, channels), [-1, channels]);
    if (channels === 1) return binaryCrossEntropy(x, exact);
    const t = smoothing === 0 ? exact : tf.add(tf.mul(exact, 1 - smoothing), smoothing / channels);
    return hasNativeKernels() ? fusedCrossEntropy(x, t) : plainCrossEntropy(x, t);
  };
}
