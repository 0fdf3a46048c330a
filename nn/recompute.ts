import { type Tensor, tf } from './engine.ts';
import type { Parameters } from './network.ts';
import { identityAfter } from './raw-op.ts';

/*
 * Recomputation of activations (Chen et al., arXiv:1604.06174): memory for time.
 */

/**
 * A block of a network, `compute(parameters, x)`, of which the gradient keeps `x` alone: the inside is computed again when the
 * gradient arrives. The block may depend on `x` and on the parameters whose names begin with `name`, on no other tensor; what
 * it draws must come from a seed.
 */
export function recompute<T extends Tensor>(
  parameters: Parameters,
  name: string,
  x: T,
  compute: (parameters: Parameters, x: T) => T,
): T {
  const own = [...parameters].filter(([parameter]) => parameter.startsWith(name));
  const block = (input: Tensor, ...weights: Tensor[]): Tensor =>
    compute(new Map(own.map(([parameter], i) => [parameter, weights[i] as Tensor])), input as T);
  const op = tf.customGrad((...given) => {
    const inputs = given.slice(0, -1) as [Tensor, ...Tensor[]];
    const save = given.at(-1) as unknown as (tensors: Tensor[]) => void;
    save(inputs);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [input, ...weights] = saved as [Tensor, ...Tensor[]];
      return gradientsOf(block, [identityAfter(input, dy), ...weights], dy);
    };
    return { value: block(...inputs), gradFunc };
  });
  return op(x, ...own.map(([, tensor]) => tensor)) as T;
}

/**
 * Gradients within a gradient. tfjs has one tape and takes it away when it has walked it: the outer one, which is being walked,
 * is laid aside meanwhile.
 */
function gradientsOf(block: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[], dy: Tensor): Tensor[] {
  const { state } = tf.engine() as unknown as { state: { activeTape: unknown } };
  const outer = state.activeTape;
  try {
    const { grads } = tf.engine().gradients(() => block(...inputs), [...inputs], dy, true);
    return inputs.map((input, i) => (grads[i] as Tensor | undefined) ?? tf.zerosLike(input));
  } finally {
    state.activeTape = outer;
  }
}
