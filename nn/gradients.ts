import { type Scalar, type Tensor, tf } from './engine.ts';

/**
 * The value of a function of tensors and its gradients by each of them. An input that the value does not depend on (a head
 * that is not supervised, a stem that no cell reads) has a gradient of zeros, where `tf.valueAndGrads` throws.
 * The caller disposes of what it gets.
 */
export function valueAndGradients(
  of: (...inputs: Tensor[]) => Scalar,
  inputs: readonly Tensor[],
): { value: Scalar; gradients: Tensor[] } {
  return tf.tidy(() => {
    const { value, grads } = tf.engine().gradients(() => of(...inputs), [...inputs], undefined, true);
    const gradients = inputs.map((input, i) => (grads[i] as Tensor | undefined) ?? tf.zerosLike(input));
    return { value, gradients };
  });
}
