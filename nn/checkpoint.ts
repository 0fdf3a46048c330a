import { createHash } from 'node:crypto';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { z } from 'zod';
import type { Network, Parameters } from './network.ts';
import type { AdamwState } from './optimizers/adamw-state.ts';
import { decodeSafetensors, encodeSafetensors, loadParameters, storeParameters } from './weights.ts';

/*
 * Checkpoint files. "Best" holds weights alone, under the reference's names, for inference. "Last" holds the optimizer's
 * moments and the training's progress as well: resuming from it is the same as never having stopped.
 */

const MEAN = 'optimizer.exp_avg.';
const SQUARE = 'optimizer.exp_avg_sq.';

/** How far a training has come. */
const Progress = z.object({
  /** Steps that are done. */
  step: z.number().int().nonnegative(),
  seed: z.number().int(),
  bestStep: z.number().int().nullable(),
  bestDice: z.number().nullable(),
  /** Of the best step. */
  diceByClass: z.record(z.string(), z.number().nullable()),
  trainMs: z.number(),
  validationMs: z.number(),
});
export type Progress = z.infer<typeof Progress>;

/** A training that can go on. The caller disposes of the state's tensors. */
export interface LastCheckpoint {
  readonly state: AdamwState;
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
};

/** SHA-256 of what a plan decides (its reasons left out), independent of the order of keys. */
export function planHash(plan: Plan): string {
  const { reasons: _, training, ...others } = plan;
  const said = Object.entries(training).filter(
    ([key, value]) => ADDED_LATER[key as keyof Plan['training']] !== value || !(key in ADDED_LATER),
  );
  const decisions = { ...others, training: Object.fromEntries(said) };
  return createHash('sha256')
    .update(JSON.stringify(canonical(decisions)))
    .digest('hex');
}

function describe(network: Network): Record<string, string> {
  return { format: 'pt', network: JSON.stringify({ class: network.class, options: network.options }) };
}

/** Weights alone, to predict with. */
export function encodeBest(network: Network, weights: Parameters, step: number, dice: number | null): Uint8Array {
  const metadata = { ...describe(network), step: String(step), dice: String(dice) };
  return encodeSafetensors(storeParameters(network, weights), metadata);
}

/** Everything that a resumed training needs. */
export function encodeLast(network: Network, plan: Plan, state: AdamwState, progress: Progress): Uint8Array {
  const tensors = new Map([
    ...storeParameters(network, state.weights),
    ...storeParameters(network, state.mean, MEAN),
    ...storeParameters(network, state.square, SQUARE),
  ]);
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
  const state = {
    weights: loadParameters(network, stored),
    mean: loadParameters(network, stored, MEAN),
    square: loadParameters(network, stored, SQUARE),
  };
  return { state, progress: progress.data };
}
