import { type Tensor, tf } from '../engine.ts';
import type { Parameters } from '../network.ts';
import { hasNativeKernels } from '../raw-op.ts';
import { adamwRule } from './adamw.ts';
import { nativeAdamw } from './adamw-native.ts';
import { type Optimizer, type OptimizerSpec, type OptimizerState, slotNames, type UpdateRule } from './optimizer.ts';
import { sgdNesterovRule } from './sgd.ts';

/** The formula of an optimizer. */
export function ruleOf(spec: OptimizerSpec): UpdateRule {
  return spec.name === 'adamw' ? adamwRule(spec.weightDecay) : sgdNesterovRule(spec);
}

/** A state to start from: these weights, which it takes over, and slots of zeros. The caller disposes. */
export function startingState(spec: Pick<OptimizerSpec, 'name'>, weights: Parameters): OptimizerState {
  const zeros = (): Parameters => new Map([...weights].map(([name, tensor]) => [name, tf.zerosLike(tensor)]));
  return new Map([['weights', weights], ...slotNames(spec).map((slot) => [slot, zeros()] as const)]);
}

/** An optimizer from a state, whose tensors it takes over: AdamW by its fused kernel where the backend has one. */
export function createOptimizer(spec: OptimizerSpec, state: OptimizerState): Optimizer {
  if (spec.name === 'adamw' && hasNativeKernels()) return nativeAdamw(spec.weightDecay, state);
  return plainOptimizer(ruleOf(spec), state);
}

function cloneAll(parameters: Parameters): Parameters {
  return new Map([...parameters].map(([name, tensor]) => [name, tf.clone(tensor)]));
}

/** An optimizer by its rule alone. Takes the state's tensors over. */
export function plainOptimizer(rule: UpdateRule, state: OptimizerState): Optimizer {
  const groups = [...state].map(([group, tensors]) => [group, new Map(tensors)] as const);
  const tensorsOf = (name: string): Tensor[] => groups.map(([, tensors]) => tensors.get(name) as Tensor);
  return {
    weights: () => cloneAll(groups[0]?.[1] ?? new Map()),
    state: () => new Map(groups.map(([group, tensors]) => [group, cloneAll(tensors)])),
    apply(gradients, numbers) {
      const scalars = rule.scalars(numbers).map((value) => tf.scalar(value));
      for (const [name, gradient] of gradients) {
        const before = tensorsOf(name);
        const [weight, ...slots] = before as [Tensor, ...Tensor[]];
        const after = tf.tidy(() => [...rule.update(weight, gradient, slots, scalars)]);
        for (const [i, [, tensors]] of groups.entries()) tensors.set(name, tf.keep(after[i] as Tensor));
        tf.dispose(before);
      }
      tf.dispose(scalars);
    },
    subtract(differences) {
      for (const [name, difference] of differences) {
        const weights = groups[0]?.[1];
        const before = weights?.get(name) as Tensor;
        weights?.set(name, tf.keep(tf.sub(before, difference)));
        before.dispose();
      }
    },
    dispose() {
      for (const [, tensors] of groups) for (const tensor of tensors.values()) tensor.dispose();
    },
  };
}
