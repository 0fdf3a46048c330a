import { z } from 'zod';
import { Modality } from './dataset.ts';
import { ArchitectureSearch, Augmentation, LossConfig, StopEarly } from './plan.ts';

/** A time span as people write it: "90s", "12m", "1.5h", "2d". */
export const Duration = z.string().regex(/^\d+(\.\d+)?\s*(s|m|h|d)$/, 'a number with a unit: 90s, 12m, 1.5h or 2d');

/** A {@link Duration} in milliseconds. */
export function durationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(s|m|h|d)$/.exec(text.trim());
  if (match === null) throw new RangeError(`"${text}" is no duration`);
  const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[match[2] as 's' | 'm' | 'h' | 'd'];
  return Number(match[1]) * unitMs;
}

const DEVICE = /^(\d+(?:\.\d+)?)\s*gpu-(?:hours?|h)$/;
/** A whole run takes longer than this, whatever it is given: analysis, probe, a training of some steps, the ensemble. */
export const SMALLEST_BUDGET_MS = 20_000;

/**
 * What a run may spend: wall-clock time ("20m", "6h"), or time of its trainers together ("40 gpu-hours"), which is less wall
 * clock the more of them there are.
 */
export const Budget = z
  .string()
  .regex(/^\d+(\.\d+)?\s*(s|m|h|d|gpu-hours?|gpu-h)$/, {
    error: 'a time with a unit (90s, 20m, 6h, 2d) or "40 gpu-hours"',
    abort: true,
  })
  .refine((text) => budgetOf(text).ms >= SMALLEST_BUDGET_MS, {
    error: 'is too short for any run: analysis, one training and its ensemble take more than 20 seconds everywhere',
  });

/** A {@link Budget} in milliseconds, of the wall clock or of all trainers together. */
export function budgetOf(text: string): { readonly ms: number; readonly of: 'wall clock' | 'trainers' } {
  const hours = DEVICE.exec(text);
  if (hours !== null) return { ms: Number(hours[1]) * 3_600_000, of: 'trainers' };
  return { ms: durationMs(text), of: 'wall clock' };
}

/** Values that the user fixes in every plan; whatever is given is kept and marked "given by the user" in `reasons`. */
export const PlanOverrides = z
  .strictObject({
    spacingMm: z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]).optional(),
    patchSize: z
      .tuple([z.number().int().positive(), z.number().int().positive(), z.number().int().positive()])
      .optional(),
    batchSize: z.number().int().positive().optional(),
    steps: z.number().int().positive().optional(),
    learningRate: z.number().positive().optional(),
    /** What training computes in; measured on the trainer where absent. */
    precision: z.enum(['float32', 'bfloat16']).optional(),
    /** AdamW, or SGD with Nesterov momentum (whose learning rate is then nnU-Net's where none is given). */
    optimizer: z.enum(['adamw', 'sgd-nesterov']).optional(),
    schedule: z.enum(['cosine', 'polynomial']).optional(),
    momentum: z.number().min(0).lt(1).optional(),
    weightDecay: z.number().nonnegative().optional(),
    /** Decay of the running mean of the weights (0.999), or null for none. */
    ema: z.number().min(0).lt(1).nullable().optional(),
    accumulate: z.number().int().positive().optional(),
    recompute: z.enum(['none', 'blocks']).optional(),
    augmentOn: z.enum(['loader', 'device']).optional(),
    warmupSteps: z.number().int().nonnegative().optional(),
    gradientClipNorm: z.number().positive().nullable().optional(),
    /**
     * Weights to begin with: a file on the server (bundle.zip, .safetensors, a PyTorch checkpoint), `run:ID` for that run's
     * bundle, or `artifact:KEY` of the artifact store.
     */
    startFrom: z.string().min(1).optional(),
    /** `encoder`: what `startFrom` gave it stays as it is. */
    freeze: z.enum(['none', 'encoder']).optional(),
    /** Settings of early stopping, or null to do every step. */
    stopEarly: StopEarly.nullable().optional(),
    validateEverySteps: z.number().int().positive().optional(),
    checkpointEverySteps: z.number().int().positive().optional(),
    /** Of algorithms that search their architecture: single settings, or null to train the planned one without a search. */
    architectureSearch: ArchitectureSearch.partial().nullable().optional(),
    /** Random transforms of the training patches in place of the algorithm's, by MONAI's and TorchIO's names; [] for none. */
    augmentation: z.array(Augmentation).optional(),
    /** By MONAI's class name and option names. */
    loss: LossConfig.optional(),
    /** How often each label is the centre of a patch, in the order of the labels, background first. */
    classRatios: z.array(z.number().nonnegative()).optional(),
    /** Options of the network by the reference's names, for example {"init_filters": 8}. */
    network: z.record(z.string(), z.unknown()).optional(),
    /** Whole edited plans, by algorithm name: used as they are (an edited algorithm bundle submitted again). */
    plans: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: 'PlanOverrides' });
export type PlanOverrides = z.infer<typeof PlanOverrides>;

/** A search's settings. */
export const SearchSettings = z
  .strictObject({
    sampler: z.enum(['auto', 'gp', 'tpe', 'cmaes', 'sobol', 'random']).default('auto'),
    pruner: z.enum(['median', 'percentile', 'curve', 'wilcoxon', 'asha', 'hyperband', 'none']).default('median'),
    /** Trials on fold 0 (with `asha` and `hyperband`: as many whole trainings' steps); chosen from the budget where absent. */
    trials: z.number().int().positive().max(10_000).optional(),
    /** Trials at once; as many as there are trainers where absent. */
    parallel: z.number().int().positive().max(1_000).optional(),
    /**
     * By algorithm and parameter, in place of the algorithm's own: a fixed value, a list to choose from, {low, high} with
     * `log: true` or a `step`, or an expression of the hyperparameters language as JSON.
     */
    spaces: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  })
  .meta({ id: 'SearchSettings' });
export type SearchSettings = z.infer<typeof SearchSettings>;

/** What a run takes over from another run of the same dataset instead of doing it again. */
export const Branch = z
  .strictObject({
    /** The other run's id. */
    run: z.string().min(1),
    /** `analysis`: its check and statistics. `trials`: its finished search trials as well, so that the search goes on from them. */
    keep: z.enum(['analysis', 'trials']).default('trials'),
  })
  .meta({ id: 'Branch' });
export type Branch = z.infer<typeof Branch>;

/** What may be changed of a run while it searches. Trials count those that it has. */
export const RunChange = z
  .strictObject({
    budget: Duration.nullable().optional(),
    trials: z.number().int().positive().max(10_000).optional(),
  })
  .refine(({ budget, trials }) => budget !== undefined || trials !== undefined, 'name the budget, the trials, or both')
  .meta({ id: 'RunChange' });
export type RunChange = z.infer<typeof RunChange>;

/**
 * Who a run is from, as they call themselves. A label for people who share a service, not authentication: nobody checks it,
 * and it permits and forbids nothing.
 */
export const Submitter = z
  .string()
  .trim()
  .min(1)
  .max(100)
  .regex(/^[^\p{Cc}]+$/u, 'a name on one line, without control characters');

/** What a user submits (RUN.yaml and the API's body). Only `dataset` is required. */
export const RunRequest = z
  .strictObject({
    name: z.string().min(1).max(200).optional(),
    /** A registered dataset's id or name, or a folder, dataset.json or task YAML on the server. */
    dataset: z.string().min(1),
    /** One for all channels, or one per channel; found in the dataset where absent. */
    modality: z.union([Modality, z.array(Modality).min(1)]).optional(),
    /** Label value to name; what the dataset declares where absent. */
    labels: z.record(z.string().regex(/^\d+$/), z.string().min(1)).optional(),
    /** All that are registered, where absent. */
    algorithms: z.array(z.string().min(1)).min(1).optional(),
    folds: z.number().int().min(1).max(20).optional(),
    /** Of the whole run: the best ensemble so far is ready when it ends. */
    budget: Budget.optional(),
    search: SearchSettings.optional(),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .default(0),
    /** Go on without the cases that the check refuses. */
    skipInvalid: z.boolean().default(false),
    plan: PlanOverrides.optional(),
    branch: Branch.optional(),
    submittedBy: Submitter.optional().describe('Who submits it: a label for others, not authentication.'),
  })
  .meta({ id: 'RunRequest' });
/** A request with its defaults filled in. */
export type RunRequest = z.infer<typeof RunRequest>;
/** A request as a user writes it. */
export type RunRequestInput = z.input<typeof RunRequest>;

/** A run's life. `pausing` and `cancelling` end when the last trainer has let go. */
export const RunState = z.enum([
  'queued',
  'running',
  'pausing',
  'paused',
  'cancelling',
  'completed',
  'failed',
  'cancelled',
]);
export type RunState = z.infer<typeof RunState>;

/** States that no run leaves. */
export const FINAL_RUN_STATES: readonly RunState[] = ['completed', 'failed', 'cancelled'];

/** Where on the way of the data a run stands. */
export const RunStage = z.enum(['queued', 'analysis', 'planning', 'search', 'folds', 'ensemble', 'done']);
export type RunStage = z.infer<typeof RunStage>;
