import { type Tensor, tf } from '../engine.ts';
import type { Parameters } from '../network.ts';
import { hasNativeKernels } from '../raw-op.ts';
import { nativeAdamw } from './adamw-native.ts';
import { ADAM_EPSILON, type Adamw, type AdamwScalars, type AdamwState, BETA1, BETA2 } from './adamw-state.ts';

/*
 * AdamW, Loshchilov and Hutter, arXiv:1711.05101, by PyTorch's formula:
 *   w = w * (1 - lr * decay);  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
 *   w = w - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 */

/** Moments of a training that starts. The caller disposes. */
export function zeroMoments(weights: Parameters): Parameters {
  return new Map([...weights].map(([name, tensor]) => [name, tf.zerosLike(tensor)]));
}

function step(
  weight: Tensor,
  mean: Tensor,
  square: Tensor,
  gradient: Tensor,
  s: AdamwScalars,
): [Tensor, Tensor, Tensor] {
  const newMean = tf.add(tf.mul(mean, BETA1), tf.mul(gradient, 1 - BETA1));
  const newSquare = tf.add(tf.mul(square, BETA2), tf.mul(tf.square(gradient), 1 - BETA2));
  const denominator = tf.add(tf.div(tf.sqrt(newSquare), Math.sqrt(1 - BETA2 ** s.t)), ADAM_EPSILON);
  const move = tf.mul(tf.div(newMean, denominator), s.learningRate / (1 - BETA1 ** s.t));
  return [tf.sub(tf.mul(weight, 1 - s.learningRate * s.weightDecay), move), newMean, newSquare];
}

function cloneAll(parameters: ReadonlyMap<string, Tensor>): Parameters {
  return new Map([...parameters].map(([name, tensor]) => [name, tf.clone(tensor)]));
}

/** The path over plain tfjs ops: about twelve passes over the weights. Takes the state's tensors over. */
export function plainAdamw(initial: AdamwState): Adamw {
  const weights = new Map(initial.weights);
  const mean = new Map(initial.mean);
  const square = new Map(initial.square);
  const replace = (map: Map<string, Tensor>, name: string, tensor: Tensor): void => {
    map.get(name)?.dispose();
    map.set(name, tensor);
  };
  return {
    weights: () => cloneAll(weights),
    state: () => ({ weights: cloneAll(weights), mean: cloneAll(mean), square: cloneAll(square) }),
    apply(gradients, scalars) {
      for (const [name, gradient] of gradients) {
        const [w, m, v] = [weights.get(name), mean.get(name), square.get(name)] as [Tensor, Tensor, Tensor];
        const next = tf.tidy(() => step(w, m, v, gradient, scalars).map((tensor) => tf.keep(tensor))) as Tensor[];
        replace(weights, name, next[0] as Tensor);
        replace(mean, name, next[1] as Tensor);
        replace(square, name, next[2] as Tensor);
      }
    },
    dispose() {
      for (const map of [weights, mean, square]) for (const tensor of map.values()) tensor.dispose();
    },
  };
}

/** AdamW from a state, whose tensors it takes over: the fused kernel where the backend has it, else plain ops. */
export function createAdamw(initial: AdamwState): Adamw {
  return hasNativeKernels() ? nativeAdamw(initial) : plainAdamw(initial);
}
