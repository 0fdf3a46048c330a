import { z } from 'zod';
import { ArtifactRef } from './artifact.ts';

/** A value of a search space's parameter. */
export const ParameterValue = z.union([z.number(), z.string(), z.boolean()]);
export type ParameterValue = z.infer<typeof ParameterValue>;
/** A point of a search space, parameters by their path ("algorithm", "segresnet.learningRate"). */
export const Point = z.record(z.string(), ParameterValue);
export type Point = z.infer<typeof Point>;

/** `pruned`: stopped early by the pruner; `diverged`: NaN or infinity; `failed`: every attempt was lost. */
export const TrialState = z.enum(['waiting', 'running', 'completed', 'pruned', 'diverged', 'failed', 'cancelled']);
export type TrialState = z.infer<typeof TrialState>;

/** `search`: a configuration tried on fold 0. `fold`: a winner trained on another fold. */
export const TrialKind = z.enum(['search', 'fold']);
export type TrialKind = z.infer<typeof TrialKind>;

const Stretches = z.array(z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]));

/** What an ask saw of its study, as [first, last] numbers of trials, and the rule that proposed the point. */
export const AskRecord = z.object({
  /** Of the samplers: an ask of another version need not give the same point again. */
  version: z.literal(1),
  source: z.string(),
  told: Stretches,
  pending: Stretches,
});
export type AskRecord = z.infer<typeof AskRecord>;

/** What a running trial tells, in heartbeats and to the API. */
export const TrialProgress = z
  .object({
    step: z.number().int().nonnegative(),
    steps: z.number().int().positive(),
    phase: z.enum(['loading', 'searching', 'training', 'validating', 'finishing']),
    loss: z.number().nullable(),
    dice: z.number().nullable(),
    bestDice: z.number().nullable(),
    stepsPerSecond: z.number().nonnegative(),
    etaSeconds: z.number().nonnegative().nullable(),
    memoryMb: z.number().nonnegative(),
    /** Why the attempt before this one ended, in words; absent where it was lost with its trainer, or where this is the first. */
    after: z.string().optional(),
    /** Where the device ran out of memory: how often the plan was made smaller for it, and in words from what to what. */
    smaller: z.object({ times: z.number().int().positive(), told: z.string() }).optional(),
    /** Fraction (0..1) of the loop's time spent waiting for a batch. */
    dataWaitFraction: z.number().min(0).max(1).nullable(),
  })
  .meta({ id: 'TrialProgress' });
export type TrialProgress = z.infer<typeof TrialProgress>;

/** A point of a metric curve: series such as "loss", "learningRate", "dice", "dice.1". */
export const MetricPoint = z
  .object({ series: z.string().min(1).max(100), step: z.number().int().nonnegative(), value: z.number() })
  .meta({ id: 'MetricPoint' });
export type MetricPoint = z.infer<typeof MetricPoint>;

/** A checkpoint that training left. `dice` is the validation Dice at that step. */
export const CheckpointRef = z.object({
  artifact: ArtifactRef,
  step: z.number().int().nonnegative(),
  dice: z.number().nullable(),
});
export type CheckpointRef = z.infer<typeof CheckpointRef>;
