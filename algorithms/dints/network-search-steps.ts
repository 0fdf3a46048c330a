import type { ArchitectureSearch, Plan } from '@voxhelm/contracts/plan';
import {
  type AlternatingProgram,
  type AlternatingStep,
  openAlternatingProgram,
} from '@voxhelm/nn/compiled/alternating-program';
import type { ComputePrecision } from '@voxhelm/nn/compiled/autocast';
import type { Tensor } from '@voxhelm/nn/engine';
import { tf } from '@voxhelm/nn/engine';
import { startState, valuesOf } from '@voxhelm/nn/initialize';
import { lossOf } from '@voxhelm/nn/losses/loss-of';
import { type Network, parameter } from '@voxhelm/nn/network';
import { searchingPlan } from '../found-architecture.ts';
import { dintsNetwork, EDGE_LOGITS, OPERATION_LOGITS } from './network.ts';
import { architectureLoss } from './network-architecture-loss.ts';
import { readDintsOptions } from './network-options.ts';

/*
 * What a search computes: the supernet, and its two kinds of steps.
 */

// Auto3DSeg's search (hyper_parameters_search.yaml).
const MOMENTUM = 0.9;
const WEIGHT_DECAY = 4e-5;
const ARCHITECTURE_BETAS = [0.5, 0.999] as const;
const CLIP_NORM = 0.5;
const CODES = ['arch_code_a', 'arch_code_c', 'node_a'];

function isChoice(name: string): boolean {
  return name === EDGE_LOGITS || name === OPERATION_LOGITS;
}

/** The plan's search; throws where it asks for none. */
export function settingsOf(plan: Plan): ArchitectureSearch {
  if (plan.architectureSearch === undefined) throw new RangeError('the plan asks for no architecture search');
  return plan.architectureSearch;
}

/** The supernet of a plan: its network over all edges and operations, as wide as the search says. */
export function supernetOf(plan: Plan): Network {
  const options = Object.entries(plan.network.options).filter(([name]) => !CODES.includes(name));
  return dintsNetwork({
    ...Object.fromEntries(options),
    dints_space: 'TopologySearch',
    channel_mul: settingsOf(plan).channelMultiplier,
  });
}

/** The two kinds of steps; both see the same forward pass. */
export function searchSteps(network: Network, plan: Plan): readonly AlternatingStep[] {
  const settings = settingsOf(plan);
  const segmentation = lossOf(plan.training.loss);
  const space = readDintsOptions(network.options);
  const loss: AlternatingStep['loss'] = (parameters, image, classes) => {
    const [logits] = network.forward(parameters, image, { training: true, seed: null });
    return segmentation(logits as NonNullable<typeof logits>, classes);
  };
  return [
    {
      name: 'weights',
      moves: (name) => !isChoice(name),
      loss,
      clipNorm: CLIP_NORM,
      clip: 'together',
      optimizer: { name: 'sgd-nesterov', weightDecay: WEIGHT_DECAY, momentum: MOMENTUM },
    },
    {
      name: 'architecture',
      moves: isChoice,
      loss: (parameters, image, classes, factor) => {
        const [edges, operations] = [EDGE_LOGITS, OPERATION_LOGITS].map((name) => parameter(parameters, name));
        const own = architectureLoss(edges as Tensor, operations as Tensor, space, settings.memoryBudget);
        return tf.add(loss(parameters, image, classes, factor), tf.mul(own, factor));
      },
      clipNorm: CLIP_NORM,
      clip: 'each',
      optimizer: {
        name: 'adamw',
        weightDecay: 0,
        learningRate: settings.architectureLearningRate,
        betas: ARCHITECTURE_BETAS,
      },
    },
  ];
}

/** The supernet with both steps, compiled; its weights are those of the plan's seed. The caller disposes. */
export function openSupernet(plan: Plan, precision: ComputePrecision = 'float32'): AlternatingProgram {
  const network = supernetOf(plan);
  const steps = searchSteps(network, plan);
  const { patchSize, batchSize } = searchingPlan(plan);
  const program = openAlternatingProgram({ network, precision, patchSize, batchSize, steps });
  const start = startState(settingsOf(plan).seed, [...program.groups.keys()]);
  for (const [group, values] of start) program.assign(group, valuesOf(network, values));
  return program;
}
