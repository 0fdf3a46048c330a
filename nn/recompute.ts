import { type Tensor, tf } from './engine.ts';
import type { ForwardMode, Parameters } from './network.ts';
import { identityAfter } from './raw-op.ts';

/*
 * Recomputation of activations (Chen et al., arXiv:1604.06174): memory for time.
 */

/** A block of a network: a function of some tensors and of its own parameters. */
export type Block<I extends readonly Tensor[], T extends Tensor> = (parameters: Parameters, inputs: I) => T;

/**
 * A block of which the gradient keeps the inputs alone: the inside is computed again when the gradient arrives. The block may
 * depend on `inputs` and on the parameters whose names begin with `name`, on no other tensor; what it draws must come from a
 * seed.
 */
export function recompute<I extends readonly Tensor[], T extends Tensor>(
  parameters: Parameters,
  name: string,
  inputs: I,
  compute: Block<I, T>,
): T {
  const own = [...parameters].filter(([parameter]) => parameter.startsWith(name));
  const block = (...tensors: Tensor[]): Tensor => {
    const weights = tensors.slice(inputs.length);
    const named = new Map(own.map(([parameter], i) => [parameter, weights[i] as Tensor]));
    return compute(named, tensors.slice(0, inputs.length) as readonly Tensor[] as I);
  };
  const op = tf.customGrad((...given) => {
    const all = given.slice(0, -1) as Tensor[];
    const save = given.at(-1) as unknown as (tensors: Tensor[]) => void;
    save(all);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const late = saved.map((tensor, i) => (i < inputs.length ? identityAfter(tensor, dy) : tensor));
      return gradientsOf(block, late, dy);
    };
    return { value: block(...all), gradFunc };
  });
  return op(...inputs, ...own.map(([, tensor]) => tensor)) as T;
}

/** A block as the forward pass wants it: computed again for the gradient (see {@link recompute}) or kept. */
export function blockOf<I extends readonly Tensor[], T extends Tensor>(
  mode: Pick<ForwardMode, 'recompute'>,
  parameters: Parameters,
  name: string,
  inputs: I,
  compute: Block<I, T>,
): T {
  return mode.recompute === true ? recompute(parameters, name, inputs, compute) : compute(parameters, inputs);
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
