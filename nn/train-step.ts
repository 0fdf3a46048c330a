import type { Plan } from '@voxhelm/contracts/plan';
import { clipByGlobalNorm } from './clip-norm.ts';
import { type Scalar, type Tensor, type Tensor5D, tf } from './engine.ts';
import { valueAndGradients } from './gradients.ts';
import { deepSupervision } from './losses/deep-supervision.ts';
import { lossOf } from './losses/loss-of.ts';
import type { Network, Parameters } from './network.ts';
import type { Adamw, AdamwScalars } from './optimizers/adamw-state.ts';

/*
 * One training step as a function of tensors alone: shapes are fixed by the plan and no value is read back inside it.
 */

/** Loss of a batch by the weights, and its gradients. */
export type LossAndGradients = (
  weights: Parameters,
  image: Tensor5D,
  classes: Tensor,
  seed: number,
) => { loss: Scalar; gradients: Map<string, Tensor> };

/** What of a plan a step is made of. */
export type StepPlan = Pick<Plan['training'], 'loss' | 'deepSupervisionWeights' | 'gradientClipNorm'>;

/**
 * Forward pass in training mode, loss over all heads, gradients clipped to the plan's norm.
 * `image`: [batch, x, y, z, channel]; `classes`: int32 [batch, x, y, z]. The caller disposes of what it gets.
 */
export function lossAndGradients(network: Network, plan: StepPlan): LossAndGradients {
  const loss = deepSupervision(lossOf(plan.loss), plan.deepSupervisionWeights);
  return (weights, image, classes, seed) => {
    const names = [...weights.keys()];
    const inputs = [...weights.values()];
    // Tensors that a tidy returns stay.
    const [value, ...gradients] = tf.tidy(() => {
      const computed = valueAndGradients((...tensors) => {
        const current = new Map(names.map((name, i) => [name, tensors[i] as Tensor]));
        return loss(network.forward(current, image, { training: true, seed }), classes);
      }, inputs);
      const clip = plan.gradientClipNorm;
      return [computed.value, ...(clip === null ? computed.gradients : clipByGlobalNorm(computed.gradients, clip))];
    });
    return {
      loss: value as Scalar,
      gradients: new Map(names.map((name, i) => [name, gradients[i] as Tensor])),
    };
  };
}

/**
 * One step: gradients of the batch, then the optimizer. Returns the loss tensor, which the caller reads (or not) and disposes.
 */
export function trainStep(
  compute: LossAndGradients,
  optimizer: Adamw,
  image: Tensor5D,
  classes: Tensor,
  scalars: AdamwScalars,
): Scalar {
  const weights = optimizer.weights();
  const { loss, gradients } = compute(weights, image, classes, scalars.t);
  // Before the update, so that it may write in place.
  for (const tensor of weights.values()) tensor.dispose();
  optimizer.apply(gradients, scalars);
  for (const tensor of gradients.values()) tensor.dispose();
  return loss;
}
