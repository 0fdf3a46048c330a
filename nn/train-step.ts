import type { DeviceAugmentation, Plan } from '@voxhelm/contracts/plan';
import { deviceAugmentation } from '@voxhelm/imaging/transforms/placement';
import { augment } from './augment.ts';
import { clipGradients } from './clip-norm.ts';
import { type Scalar, type Tensor, type Tensor5D, tf } from './engine.ts';
import { trains } from './freeze.ts';
import { valueAndGradients } from './gradients.ts';
import { deepSupervision } from './losses/deep-supervision.ts';
import { lossOf, lossOfPlan, type TargetPlan } from './losses/loss-of.ts';
import { type Network, type Parameters, statisticNames } from './network.ts';
import type { Optimizer, StepNumbers } from './optimizers/optimizer.ts';

/*
 * One training step as a function of tensors alone: shapes are fixed by the plan and no value is read back inside it.
 */

/** Loss of a batch by the weights, and its gradients by those that are trained. */
export type LossAndGradients = (
  weights: Parameters,
  image: Tensor5D,
  classes: Tensor,
  seed: Tensor | null,
) => { loss: Scalar; gradients: Map<string, Tensor> };

type Gradients = ReturnType<LossAndGradients>;

/** What of a plan a step is made of. */
export type StepPlan = Pick<Plan['training'], 'loss' | 'deepSupervisionWeights' | 'gradientClipNorm'> &
  Partial<Pick<Plan['training'], 'recompute' | 'freeze'>> & {
    /** Transforms that are done on the device, before the forward pass. */
    readonly augmentation?: readonly DeviceAugmentation[];
    /** What the class indices mean; absent: classes that exclude each other, of every voxel. */
    readonly targets?: TargetPlan;
  };

/** What of a whole plan its steps are made of. */
export function stepPlan(plan: Plan): StepPlan {
  return { ...plan.training, augmentation: deviceAugmentation(plan), targets: targetPlan(plan) };
}

/** What a plan's class indices mean. */
function targetPlan({ ignoreLabel, labelGroups, labels }: Plan): TargetPlan {
  return {
    classes: labels?.length ?? 0,
    ignores: ignoreLabel != null,
    members:
      labelGroups == null ? null : labels.map(({ value }) => labelGroups.map(({ values }) => values.includes(value))),
  };
}

/**
 * Forward pass in training mode, loss over all heads, gradients clipped to the plan's norm.
 * `image`: [batch, x, y, z, channel]; `classes`: int32 [batch, x, y, z]. The caller disposes of what it gets.
 */
export function lossAndGradients(network: Network, plan: StepPlan): LossAndGradients {
  const recompute = plan.recompute === 'blocks';
  const single = lossOf(plan.loss);
  const whole = plan.targets === undefined ? single : lossOfPlan(single, plan.targets);
  const loss = deepSupervision(whole, plan.deepSupervisionWeights);
  const isTrained = trains(network, plan.freeze);
  const statistics = statisticNames(network);
  return (weights, image, classes, seed) => {
    const names = [...weights.keys()].filter(isTrained);
    const inputs = names.map((name) => weights.get(name) as Tensor);
    // Tensors that a tidy returns stay.
    const [value, ...gradients] = tf.tidy(() => {
      const patches = seed === null ? { image, classes } : augment(plan.augmentation ?? [], { image, classes }, seed);
      const computed = valueAndGradients((...tensors) => {
        // Every name stays in its place; the tensors that are differentiated by take those of the trained ones.
        const current = new Map([...weights, ...names.map((name, i) => [name, tensors[i] as Tensor] as const)]);
        return loss(network.forward(current, patches.image, { training: true, seed, recompute }), patches.classes);
      }, inputs);
      const clip = plan.gradientClipNorm;
      if (clip === null) return [computed.value, ...computed.gradients];
      const byName = new Map(names.map((name, i) => [name, computed.gradients[i] as Tensor]));
      return [computed.value, ...clipGradients(byName, statistics, clip).values()];
    });
    return {
      loss: value as Scalar,
      gradients: new Map(names.map((name, i) => [name, gradients[i] as Tensor])),
    };
  };
}

/** A batch on the device: image [batch, x, y, z, channel], classes int32 [batch, x, y, z], seed as in ForwardMode. */
export interface DeviceBatch {
  readonly image: Tensor5D;
  readonly classes: Tensor;
  readonly seed: Tensor | null;
}

/**
 * Mean loss and gradients over batches: those of one batch of all their patches, where the loss is a mean over patches. The caller
 * disposes of what it gets.
 */
export function accumulateGradients(
  compute: LossAndGradients,
  weights: Parameters,
  batches: readonly DeviceBatch[],
): Gradients {
  const [first, ...others] = batches.map(
    ({ image, classes, seed }) =>
      () =>
        compute(weights, image, classes, seed),
  );
  let sum = (first as () => Gradients)();
  for (const next of others) sum = combine(sum, next(), (a, b) => tf.add(a, b));
  if (others.length === 0) return sum;
  return combine(sum, null, (a) => tf.mul(a, 1 / batches.length));
}

/** Puts two results together tensor by tensor and disposes of them. */
function combine(a: Gradients, b: Gradients | null, by: (a: Tensor, b: Tensor) => Tensor): Gradients {
  const put = (left: Tensor, right: Tensor | undefined): Tensor => {
    const result = by(left, right ?? left);
    tf.dispose(right === undefined ? [left] : [left, right]);
    return result;
  };
  const loss = put(a.loss, b?.loss) as Scalar;
  return { loss, gradients: new Map([...a.gradients].map(([name, x]) => [name, put(x, b?.gradients.get(name))])) };
}

/** One step of an optimizer on batches; returns the loss tensor, which the caller reads (or not) and disposes. */
export type TrainStep = (optimizer: Optimizer, batches: readonly DeviceBatch[], numbers: StepNumbers) => Scalar;

/** The step of a plan: mean gradients over the batches, clipped, then the optimizer. */
export function createTrainStep(network: Network, plan: StepPlan): TrainStep {
  const compute = lossAndGradients(network, { ...plan, gradientClipNorm: null });
  const statistics = statisticNames(network);
  return (optimizer, batches, numbers) => {
    const weights = optimizer.weights();
    const { loss, gradients } = accumulateGradients(compute, weights, batches);
    // Before the update, so that it may write in place.
    tf.dispose([...weights.values()]);
    const clipped = plan.gradientClipNorm === null ? gradients : clipMap(gradients, statistics, plan.gradientClipNorm);
    const [moved, followed] = [false, true].map(
      (statistic) => new Map([...clipped].filter(([name]) => statistics.has(name) === statistic)),
    ) as [Map<string, Tensor>, Map<string, Tensor>];
    optimizer.apply(moved, numbers);
    optimizer.subtract(followed);
    for (const tensor of clipped.values()) tensor.dispose();
    return loss;
  };
}

/** Clips all gradients together and disposes of those that came. */
function clipMap(
  gradients: ReadonlyMap<string, Tensor>,
  statistics: ReadonlySet<string>,
  norm: number,
): Map<string, Tensor> {
  const clipped = clipGradients(gradients, statistics, norm);
  tf.dispose([...gradients.values()]);
  return clipped;
}
