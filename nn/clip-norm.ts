import { type Scalar, type Tensor, tf } from './engine.ts';
import { hasNativeKernels, rawOp1 } from './raw-op.ts';

/** Half the sum of squares. */
function halfSquares(x: Tensor): Tensor {
  if (hasNativeKernels()) return rawOp1('L2Loss', { T: { dtype: 'float32' } }, [x]);
  return tf.mul(tf.sum(tf.square(x)), 0.5);
}

/** Euclidean norm of all tensors together. */
export function globalNorm(tensors: readonly Tensor[]): Scalar {
  return tf.tidy(() => tf.sqrt(tf.mul(tf.addN(tensors.map(halfSquares)), 2)) as Scalar);
}

/**
 * {@link clipByGlobalNorm} of gradients by name; what stands for running statistics (layers/running-statistics.ts) is no
 * gradient and stays. The caller disposes of old and new tensors.
 */
export function clipGradients(
  gradients: ReadonlyMap<string, Tensor>,
  statistics: ReadonlySet<string>,
  maxNorm: number,
): Map<string, Tensor> {
  const trained = [...gradients].filter(([name]) => !statistics.has(name));
  const clipped = clipByGlobalNorm(
    trained.map(([, tensor]) => tensor),
    maxNorm,
  );
  const byName = new Map(trained.map(([name], i) => [name, clipped[i] as Tensor]));
  return new Map([...gradients].map(([name, tensor]) => [name, byName.get(name) ?? tf.clone(tensor)]));
}

/**
 * Scales all tensors so that their common norm is at most `maxNorm`, as PyTorch's clip_grad_norm_ (factor
 * maxNorm / (norm + 1e-6), never above 1). The caller disposes of old and new tensors.
 */
export function clipByGlobalNorm(tensors: readonly Tensor[], maxNorm: number): Tensor[] {
  return tf.tidy(() => {
    const factor = tf.minimum(tf.div(maxNorm, tf.add(globalNorm(tensors), 1e-6)), 1);
    return tensors.map((tensor) => tf.mul(tensor, factor));
  });
}
