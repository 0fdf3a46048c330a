import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Network, Parameters, StoredBuffer } from '../network.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  loadParameters,
  type StoredTensor,
  storeParameters,
} from '../weights.ts';
import { axesTold, nnunetAxes, toVoxhelmAxes } from './nnunet-axes.ts';
import type { Value } from './pickle.ts';
import { readPytorch } from './pytorch.ts';
import { isZip } from './zip.ts';

/*
 * Weights that others trained: a state dict in a safetensors or PyTorch file, bare or inside a checkpoint.
 */

/** Where whole checkpoints keep their weights: PyTorch Lightning and MONAI, nnU-Net, and others. */
const NESTED = ['network_weights', 'state_dict', 'model_state_dict', 'model', 'net'];
/** What wrappers put ahead of each name: DistributedDataParallel and torch.compile. */
const WRAPPERS = ['module.', '_orig_mod.'];

function stripped(name: string): string {
  const wrapper = WRAPPERS.find((prefix) => name.startsWith(prefix));
  return wrapper === undefined ? name : stripped(name.slice(wrapper.length));
}

/** A state dict as Voxhelm's networks take it. */
export interface StateDict {
  /** By their names without wrappers' prefixes; kernels along x, y, z. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** For people: what was done to the file's tensors; null where they are as the file has them. */
  readonly turned: string | null;
}

function pytorchTensors(bytes: Uint8Array): StateDict {
  const file = readPytorch(bytes);
  const axes = nnunetAxes(file.content);
  let content: Value | undefined = file.content;
  for (let depth = 0; depth < 3 && content instanceof Map; depth++) {
    const inside = NESTED.find((key) => (content as Map<Value, Value>).get(key) instanceof Map);
    if (inside === undefined) break;
    content = content.get(inside);
  }
  if (!(content instanceof Map)) {
    throw new VoxhelmError('bad-checkpoint', 'the PyTorch file holds no state dict', {
      fix: 'Save torch.save(model.state_dict(), "weights.pt").',
    });
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, value] of content) {
    const tensor = file.tensorOf(value);
    if (typeof name !== 'string' || tensor === null) continue;
    tensors.set(name, axes === null ? tensor : toVoxhelmAxes(tensor, axes));
  }
  const turned = axes === null ? null : `nnU-Net's, its kernels turned from ${axesTold(axes)} to x, y, z`;
  return { tensors, turned };
}

/**
 * The state dict in a safetensors or PyTorch zip file's bytes. Of nnU-Net's own checkpoints kernels are turned to x, y, z; other
 * files do not tell their axes and are taken as they are. Throws `bad-checkpoint` for what is damaged or holds none.
 */
export function readStateDict(bytes: Uint8Array): StateDict {
  const { tensors, turned } = isZip(bytes)
    ? pytorchTensors(bytes)
    : { tensors: decodeSafetensors(bytes).tensors, turned: null };
  return { tensors: new Map([...tensors].map(([name, tensor]) => [stripped(name), tensor])), turned };
}

/**
 * A network's parameters from weights that were trained elsewhere. Throws `bad-checkpoint` where a parameter is missing or
 * has another shape, and where the file holds tensors that this network does not have. The caller disposes.
 */
export function importWeights(network: Network, bytes: Uint8Array): Parameters {
  const { tensors } = readStateDict(bytes);
  const known = new Set([...network.specs.map(({ name }) => name), ...(network.stateDict?.aliases.keys() ?? [])]);
  const buffers = network.stateDict?.buffers().keys() ?? [];
  for (const name of buffers) known.add(name);
  const unknown = [...tensors.keys()].filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new VoxhelmError(
      'bad-checkpoint',
      `the file has ${unknown.length} tensors that ${network.class} of these options has not: ${unknown.slice(0, 3).join(', ')}`,
      { fix: 'Give the options that the weights were trained with.', details: { unknown: unknown.slice(0, 20) } },
    );
  }
  return loadParameters(network, { tensors, metadata: {} });
}

/**
 * A safetensors file of a network's weights that the original loads strictly: parameters by its names, with the buffers and
 * the second names that its state dict has beside them.
 */
export function exportWeights(network: Network, parameters: Parameters): Uint8Array {
  const stored = new Map<string, StoredTensor | StoredBuffer>(storeParameters(network, parameters));
  for (const [alias, name] of network.stateDict?.aliases ?? []) stored.set(alias, stored.get(name) as StoredTensor);
  for (const [name, buffer] of network.stateDict?.buffers() ?? []) stored.set(name, buffer);
  return encodeSafetensors(stored, { format: 'pt' });
}
