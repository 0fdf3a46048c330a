import { networkOf } from '@voxhelm/algorithms/networks';
import type { Plan } from '@voxhelm/contracts/plan';
import { loadTrainingCases, loadValidationCases } from '@voxhelm/gpu-trainer/jobs/load-cases';
import { validateAll } from '@voxhelm/gpu-trainer/jobs/validate';
import type { CaseFiles, ValidationCase } from '@voxhelm/gpu-trainer/loader/messages';
import { openThreadPool } from '@voxhelm/gpu-trainer/loader/thread-pool';
import { sampleBatch, type TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { trainLoop } from '@voxhelm/nn/trainer';
import type { TableConfiguration } from './grid.ts';

/*
 * One training of the table: the product's networks, losses, optimiser, sampling and validation, on the sample dataset at
 * 1.5 mm.
 */

export const STEPS = 60;
export const VALIDATE_EVERY = 6;
const SPACING_MM = 1.5;
const PATCH = 24;
const SEED = 7;

/** One training's outcome. */
export interface TableTraining {
  /** Mean validation Dice after each sixth step, as far as the training came. */
  readonly dice: readonly number[];
  /** Of the training and its validations. */
  readonly seconds: number;
  readonly outcome: 'completed' | 'diverged' | 'pruned';
}

/** The cases, read and brought to the spacing once: every configuration has the same. */
export interface TableCases {
  readonly training: readonly TrainingVolume[];
  readonly validation: readonly ValidationCase[];
}

function networkOptions({ algorithm, filters, levels }: TableConfiguration): Plan['network'] {
  if (algorithm === 'segresnet') {
    const options = { spatial_dims: 3, init_filters: filters, in_channels: 1, out_channels: 3, norm: 'INSTANCE' };
    return { class: 'SegResNetDS', options: { ...options, blocks_down: Array(levels).fill(1), dsdepth: 1 } };
  }
  const stages = Array.from({ length: levels }, (_, level) => level);
  const convolution = { conv_op: 'torch.nn.modules.conv.Conv3d', conv_bias: true, n_stages: levels };
  return {
    class: 'PlainConvUNet',
    options: {
      ...convolution,
      input_channels: 1,
      num_classes: 3,
      features_per_stage: stages.map((level) => filters * 2 ** level),
      kernel_sizes: stages.map(() => [3, 3, 3]),
      strides: stages.map((level) => Array(3).fill(level === 0 ? 1 : 2)),
      n_conv_per_stage: stages.map(() => 1),
      n_conv_per_stage_decoder: stages.slice(1).map(() => 1),
      norm: 'instance affine eps 1e-5',
      activation: 'leaky relu 0.01',
      deep_supervision: false,
    },
  };
}

/** The plan of a configuration. */
export function tablePlan(configuration: TableConfiguration): Plan {
  return {
    schemaVersion: 1,
    algorithm: configuration.algorithm,
    fold: 0,
    labels: [
      { value: 0, name: 'background' },
      { value: 1, name: 'Anterior' },
      { value: 2, name: 'Posterior' },
    ],
    labelGroups: null,
    ignoreLabel: null,
    modalities: ['MRI'],
    preprocessing: { spacingMm: [SPACING_MM, SPACING_MM, SPACING_MM], normalization: [{ mode: 'zscore-nonzero' }] },
    patchSize: [PATCH, PATCH, PATCH],
    batchSize: 1,
    network: networkOptions(configuration),
    training: {
      ...{ steps: STEPS, validateEverySteps: VALIDATE_EVERY, checkpointEverySteps: STEPS },
      ...{ precision: 'float32', optimizer: 'adamw', schedule: 'cosine', momentum: 0.99, weightDecay: 1e-5, ema: null },
      ...{ accumulate: 1, recompute: 'none', augmentOn: 'loader', warmupSteps: 3, gradientClipNorm: 12 },
      ...{ startFrom: null, freeze: 'none', stopEarly: null },
      learningRate: configuration.learningRate,
      loss: { name: configuration.loss, options: { include_background: true, to_onehot_y: true, softmax: true } },
      deepSupervisionWeights: [1],
    },
    sampling: { mode: 'class', classRatios: [1, 1, 1] },
    augmentation: [],
    inference: { overlap: 0.25, mode: 'gaussian', sigmaScale: 0.125, windowBatchSize: 4 },
    reasons: {},
  };
}

/** Reads the cases. */
export async function loadTableCases(
  training: readonly CaseFiles[],
  validation: readonly CaseFiles[],
): Promise<TableCases> {
  const pool = openThreadPool(1);
  const plan = tablePlan({ algorithm: 'segresnet', learningRate: 1e-3, filters: 4, levels: 2, loss: 'DiceLoss' });
  try {
    return {
      training: await loadTrainingCases(pool, training, plan, () => undefined),
      validation: await loadValidationCases(pool, validation, plan, () => undefined),
    };
  } finally {
    await pool.close();
  }
}

/** Trains one configuration to its end. */
export async function trainConfiguration(configuration: TableConfiguration, cases: TableCases): Promise<TableTraining> {
  const plan = tablePlan(configuration);
  const dice: number[] = [];
  const startedAt = performance.now();
  const { outcome } = await trainLoop({
    network: networkOf(plan.network),
    plan,
    seed: SEED,
    startFrom: null,
    nextBatch: async (step) => sampleBatch(cases.training, plan, SEED, step),
    validate: (predictor) =>
      validateAll(predictor, cases.validation, plan, { giveUp: () => false, onCase: () => undefined }),
    onValidation: async (validation) => {
      dice.push(Number((validation.dice ?? 0).toFixed(5)));
      return { stop: false, reason: null };
    },
    saveLast: async () => undefined,
    saveBest: async () => undefined,
    signal: new AbortController().signal,
  });
  return { dice, seconds: Number(((performance.now() - startedAt) / 1000).toFixed(2)), outcome };
}
