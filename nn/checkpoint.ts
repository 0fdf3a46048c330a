import { createHash } from 'node:crypto';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { z } from 'zod';
import type { Network } from './network.ts';
import type { EngineState, StateValues } from './training-engine.ts';
import { decodeSafetensors, encodeSafetensors, readValues, type StoredTensor, type StoredTensors } from './weights.ts';

/*
 * Checkpoint files. "Best" holds weights alone, under the reference's names, for inference. "Last" holds the optimizer's
 * moments and the training's progress as well: resuming from it is the same as never having stopped.
 */

/** What stands before a parameter's name in a file, by group of the state; the optimizer's slots have PyTorch's names. */
function prefixOf(group: string): string {
  if (group === 'weights') return '';
  return group === 'ema' ? 'ema.' : `optimizer.${group}.`;
}

/** How far a training has come. */
const Progress = z.object({
  /** Steps that are done. */
  step: z.number().int().nonnegative(),
  seed: z.number().int(),
  bestStep: z.number().int().nullable(),
  bestDice: z.number().nullable(),
  /** Of the best step. */
  diceByClass: z.record(z.string(), z.number().nullable()),
  /** Step and Dice of each validation so far. */
  curve: z.array(z.tuple([z.number().int(), z.number()])).default([]),
  trainMs: z.number(),
  /** Of the loop, beside `trainMs`: waiting for batches. Earlier versions did not count it. */
  waitMs: z.number().default(0),
  validationMs: z.number(),
});
export type Progress = z.infer<typeof Progress>;

/** A training that can go on. */
export interface LastCheckpoint {
  readonly state: EngineState;
  readonly progress: Progress;
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, canonical(item)]));
}

/**
 * What trainings did before a plan could say otherwise. At these values a field does not count in the hash, so that a
 * checkpoint that an earlier version wrote is still of its plan.
 */
const ADDED_LATER: Readonly<Partial<Plan['training']>> = {
  schedule: 'cosine',
  momentum: 0.99,
  ema: null,
  accumulate: 1,
  recompute: 'none',
  augmentOn: 'loader',
  startFrom: null,
  freeze: 'none',
  stopEarly: null,
};

/**
 * SHA-256 of what a plan decides, independent of the order of keys. Its reasons are left out, and its precision: a training
 * may go on in the other one.
 */
export function planHash(plan: Plan): string {
  const { reasons: _, training: given, sampling, ignoreLabel, labelGroups, plannedPatchSize, ...rest } = plan;
  const { mode, ...where } = sampling;
  // Micro-batches share out a step's patches and change nothing of it.
  const training = { ...given, accumulate: 1 };
  // A patch made smaller for the device's memory is another one, but the weights are those of the same training.
  const patchSize = plannedPatchSize ?? rest.patchSize;
  const others = { ...rest, patchSize, batchSize: rest.batchSize * given.accumulate };
  const said = Object.entries(training).filter(
    ([key, value]) =>
      key !== 'precision' && (ADDED_LATER[key as keyof Plan['training']] !== value || !(key in ADDED_LATER)),
  );
  const placed = mode === 'class' ? where : sampling;
  const special = { ...(ignoreLabel == null ? {} : { ignoreLabel }), ...(labelGroups == null ? {} : { labelGroups }) };
  const decisions = { ...others, ...special, sampling: placed, training: Object.fromEntries(said) };
  return createHash('sha256')
    .update(JSON.stringify(canonical(decisions)))
    .digest('hex');
}

function describe(network: Network): Record<string, string> {
  return { format: 'pt', network: JSON.stringify({ class: network.class, options: network.options }) };
}

function store(network: Network, values: StateValues | 'zeros', prefix: string): Map<string, StoredTensor> {
  return new Map(
    network.specs.map(({ name, shape }) => {
      const data = values === 'zeros' ? new Float32Array(shape.reduce((a, b) => a * b, 1)) : values.get(name);
      if (data === undefined) throw new Error(`parameter ${prefix}${name} is missing`);
      return [prefix + name, { dtype: 'F32', shape, data }];
    }),
  );
}

/** Weights alone, to predict with. */
export function encodeBest(network: Network, weights: StateValues, step: number, dice: number | null): Uint8Array {
  const metadata = { ...describe(network), step: String(step), dice: String(dice) };
  return encodeSafetensors(store(network, weights, ''), metadata);
}

/** Everything that a resumed training needs. */
export function encodeLast(network: Network, plan: Plan, state: EngineState, progress: Progress): Uint8Array {
  const tensors = new Map([...state].flatMap(([group, values]) => [...store(network, values, prefixOf(group))]));
  return encodeSafetensors(tensors, {
    ...describe(network),
    plan: planHash(plan),
    progress: JSON.stringify(progress),
  });
}

/** Reads a "last" checkpoint; throws `bad-checkpoint` where it is damaged or of another plan or network. */
export function decodeLast(network: Network, plan: Plan, bytes: Uint8Array): LastCheckpoint {
  const stored = decodeSafetensors(bytes);
  if (stored.metadata['plan'] !== planHash(plan)) {
    throw new VoxhelmError('bad-checkpoint', 'the checkpoint was written under another plan', {
      fix: 'Resume with the plan that it was trained by, or start without a checkpoint.',
      details: { expected: planHash(plan), found: stored.metadata['plan'] ?? null },
    });
  }
  const progress = Progress.safeParse(JSON.parse(stored.metadata['progress'] ?? 'null'));
  if (!progress.success) {
    throw new VoxhelmError('bad-checkpoint', `the checkpoint's progress is not readable: ${progress.error.message}`);
  }
  const state = new Map(
    groupsOf(network, stored).map((group) => [group, readValues(network, stored, prefixOf(group))]),
  );
  return { state, progress: progress.data };
}

/** The groups that a file holds, by the first parameter's entries. */
function groupsOf(network: Network, { tensors }: StoredTensors): string[] {
  const first = network.specs[0]?.name ?? '';
  const slots = [...tensors.keys()].filter((key) => key.startsWith('optimizer.') && key.endsWith(`.${first}`));
  const names = slots.map((key) => key.slice('optimizer.'.length, -first.length - 1));
  return ['weights', ...names, ...(tensors.has(prefixOf('ema') + first) ? ['ema'] : [])];
}
