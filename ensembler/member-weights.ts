import { networkOf } from '@voxhelm/algorithms/networks';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '@voxhelm/nn/weights';
import { byText } from './bundle-write.ts';

type Tensors = ReadonlyMap<string, StoredTensor>;

/**
 * The weights alone of a checkpoint (no optimiser state, no step), under MONAI's names, sorted by name. Throws
 * `bad-checkpoint` naming the parameter that is missing or of another shape than the plan's network has.
 */
export function weightsOfCheckpoint(checkpoint: Uint8Array, plan: Plan, source: string): Uint8Array {
  const { tensors } = decodeSafetensors(checkpoint);
  const names = networkOf(plan.network).specs.map((spec) => spec.name);
  const weights = new Map<string, StoredTensor>();
  for (const name of [...names].sort(byText)) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) weights.set(name, tensor);
  }
  const fault = weightFault(weights, plan);
  if (fault !== null) {
    throw new VoxhelmError('bad-checkpoint', `${source}: ${fault}`, {
      fix: 'The checkpoint belongs to another plan or is damaged; train the trial again.',
    });
  }
  return encodeSafetensors(weights, { format: 'pt' });
}

/**
 * Compares weights with what a plan's network has, parameter by parameter: a sentence naming the first fault (missing,
 * unknown, or of another shape), or null. Throws where the plan's network itself is not known.
 */
export function weightFault(weights: Tensors, plan: Plan): string | null {
  const { specs } = networkOf(plan.network);
  for (const spec of specs) {
    const tensor = weights.get(spec.name);
    if (tensor === undefined) return `parameter "${spec.name}" is missing`;
    if (tensor.dtype !== 'F32') return `parameter "${spec.name}" is ${tensor.dtype}, expected F32`;
    if (tensor.shape.join() !== spec.shape.join())
      return `parameter "${spec.name}" has shape [${tensor.shape.join(', ')}], the plan's network has [${spec.shape.join(', ')}]`;
  }
  const known = new Set(specs.map((spec) => spec.name));
  for (const name of weights.keys()) if (!known.has(name)) return `parameter "${name}" is not in the plan's network`;
  return null;
}
