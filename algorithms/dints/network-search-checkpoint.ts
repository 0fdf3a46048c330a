import { createHash } from 'node:crypto';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import type { AlternatingEngine } from '@voxhelm/nn/alternating-engine';
import type { StateValues } from '@voxhelm/nn/training-engine';
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from '@voxhelm/nn/weights';

/*
 * The checkpoint of a search: all that its next step starts from, as safetensors.
 */

/** Names a search by all that its result depends on beside the cases. */
export function searchHash(plan: Plan): string {
  const { architectureSearch, network, patchSize, batchSize, preprocessing, sampling, augmentation, labels, fold } =
    plan;
  const parts = [
    architectureSearch,
    network,
    // What was planned: a search goes on where the device ran out of memory, and is shared by those that it did not.
    plan.plannedPatchSize ?? patchSize,
    batchSize * plan.training.accumulate,
    preprocessing,
    sampling,
    augmentation,
    labels,
    fold,
  ];
  return createHash('sha256')
    .update(JSON.stringify([...parts, plan.training.loss]))
    .digest('hex');
}

/** How far a search has come. */
export interface SearchProgress {
  /** Steps that are done. */
  readonly step: number;
  readonly searchMs: number;
}

/** Values by group of the engine. */
export type SearchState = ReadonlyMap<string, StateValues>;

/** All that the next step starts from. */
export async function readSearch(engine: AlternatingEngine): Promise<SearchState> {
  const state = new Map<string, StateValues>();
  for (const group of engine.groups.keys()) state.set(group, await engine.read(group));
  return state;
}

/** The checkpoint's bytes. */
export function encodeSearch(plan: Plan, state: SearchState, progress: SearchProgress): Uint8Array {
  const tensors = new Map<string, StoredTensor>();
  for (const [group, values] of state) {
    for (const [name, data] of values) tensors.set(`${group}/${name}`, { dtype: 'F32', shape: [data.length], data });
  }
  return encodeSafetensors(tensors, { search: searchHash(plan), progress: JSON.stringify(progress) });
}

/** Puts a checkpoint's values into the engine; throws `bad-checkpoint` where it is of another search. */
export async function restoreSearch(plan: Plan, engine: AlternatingEngine, bytes: Uint8Array): Promise<SearchProgress> {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata['search'] !== searchHash(plan)) {
    throw new VoxhelmError('bad-checkpoint', 'the checkpoint belongs to another architecture search');
  }
  for (const [group, names] of engine.groups) {
    const valueOf = (name: string) => tensors.get(`${group}/${name}`)?.data as Float32Array;
    await engine.assign(group, new Map(names.map((name) => [name, valueOf(name)])));
  }
  return JSON.parse(metadata['progress'] as string) as SearchProgress;
}
