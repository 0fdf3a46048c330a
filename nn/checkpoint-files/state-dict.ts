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
import { type Called, isCalled, type Value } from './pickle-machine.ts';
import { isPytorch, readPytorch } from './pytorch.ts';

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

/** The error for a file whose weights are not there as tensors; `what` says what is there instead. */
function noWeights(what: string): VoxhelmError {
  return new VoxhelmError('bad-checkpoint', `the PyTorch file holds no state dict of tensors: ${what}`, {
    fix: 'Load it in Python and save the tensors alone: torch.save(model.state_dict(), "weights.pt").',
  });
}

/** The dictionary with the weights: the file's object, or what stands in it under the usual names. */
function weightsOf(content: Value): Map<Value, Value> {
  if (isCalled(content)) throw noWeights(`its object is a "${content.global}", which only Python code can make`);
  if (!(content instanceof Map)) throw noWeights('its object is no dictionary');
  let weights: Map<Value, Value> = content;
  for (let depth = 0; depth < 3; depth++) {
    const inside = NESTED.map((key) => weights.get(key)).find((value) => value instanceof Map);
    if (!(inside instanceof Map)) break;
    weights = inside;
  }
  return weights;
}

/**
 * True where an object of an unknown class stands where weights would: a tensor of another kind, or anything under the path
 * of a module ("encoder.weight") but the extra state that modules may have.
 */
function isUnknownWeight(name: string, value: Value): boolean {
  if (!isCalled(value)) return false;
  const tensorLike = /^torch\._(utils|tensor)\._rebuild_/.test(value.global);
  return tensorLike || (name.includes('.') && !name.endsWith('_extra_state'));
}

function onlyPython(name: Value, value: Called): string {
  return `"${String(name)}" is a "${value.global}", which only Python code can make`;
}

/** What a dictionary without tensors has: an object in the weights' place, or other names than the usual ones. */
function insteadOfTensors(weights: ReadonlyMap<Value, Value>): string {
  const entries = [...weights];
  const hasOthers = entries.some(([, value]) => value instanceof Map);
  for (const [name, value] of entries) {
    if (isCalled(value) && (!hasOthers || NESTED.includes(String(name)))) return onlyPython(name, value);
  }
  const names = entries.slice(0, 5).map(([name]) => `"${String(name)}"`);
  return `there is no tensor in its dictionary (${names.join(', ') || 'it is empty'}), nor one under ${NESTED.join(', ')}`;
}

function pytorchTensors(bytes: Uint8Array): StateDict {
  const file = readPytorch(bytes);
  const axes = nnunetAxes(file.content);
  const weights = weightsOf(file.content);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, value] of weights) {
    if (typeof name !== 'string') continue;
    const tensor = file.tensorOf(value);
    if (tensor !== null) tensors.set(name, axes === null ? tensor : toVoxhelmAxes(tensor, axes));
    else if (isUnknownWeight(name, value)) {
      throw noWeights(onlyPython(name, value as Called));
    }
  }
  if (tensors.size === 0) throw noWeights(insteadOfTensors(weights));
  const turned = axes === null ? null : `nnU-Net's, its kernels turned from ${axesTold(axes)} to x, y, z`;
  return { tensors, turned };
}

/** A safetensors file's tensors. Its header, behind eight bytes of length, is a JSON object. */
function safetensorsTensors(bytes: Uint8Array): StateDict {
  if (bytes.length > 8 && bytes[8] !== '{'.charCodeAt(0)) {
    throw new VoxhelmError('bad-checkpoint', 'the file is neither a safetensors file nor one that torch.save writes', {
      fix: 'Give a file of weights: torch.save(model.state_dict(), "weights.pt").',
    });
  }
  return { tensors: decodeSafetensors(bytes).tensors, turned: null };
}

/**
 * The state dict in the bytes of a safetensors file or of one that `torch.save` wrote, in its zip or its older format. What else
 * stands in the file, objects of whatever class, is passed over; nothing of it is constructed. Of nnU-Net's own checkpoints
 * kernels are turned to x, y, z; other files do not tell their axes and are taken as they are. Throws `bad-checkpoint` for what
 * is damaged, for what holds no weights, and where a weight is an object of an unknown class.
 */
export function readStateDict(bytes: Uint8Array): StateDict {
  const { tensors, turned } = isPytorch(bytes) ? pytorchTensors(bytes) : safetensorsTensors(bytes);
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
