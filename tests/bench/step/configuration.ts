import { networkOf } from '@voxhelm/algorithms/networks';
import type { Plan } from '@voxhelm/contracts/plan';

/** What one measured process runs; the anchor's script reads the same object. */
export interface StepConfiguration {
  readonly network: Plan['network'];
  readonly patch: readonly [number, number, number];
  readonly batch: number;
  readonly precision: Precision;
  readonly engine: Engine;
  /** Memory format of the anchor's tensors; the product's are channels last always. */
  readonly channelsLast: boolean;
  readonly device: 'cpu' | 'cuda';
  readonly inChannels: number;
  readonly classes: number;
  readonly clipNorm: number;
  /** Steps are repeated for this long after two that warm up; 0: only the first step is done. */
  readonly measureMs: number;
  readonly minSteps: number;
  /** What a plan may choose; none of it where it is not given. The anchor does neither. */
  readonly recompute?: Plan['training']['recompute'];
  readonly augmentOn?: Plan['training']['augmentOn'];
}

/** The product's engines. */
export const ENGINES = ['eager', 'compiled'] as const;
export type Engine = 'eager' | 'compiled' | 'pytorch';
export const PRECISIONS = ['float32', 'bfloat16'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** The network of the benchmark's rows. */
export const SEGRESNET_16 = {
  class: 'SegResNetDS',
  options: {
    init_filters: 16,
    in_channels: 1,
    out_channels: 3,
    blocks_down: [1, 2, 2, 4],
    norm: 'INSTANCE',
    dsdepth: 3,
  },
};

/** nnU-Net's clipping norm, which the planners set; the anchor clips the same. */
export const CLIP_NORM = 12;

/** What the product can run of a row: eager ops know float32 alone. */
export function oursOf(
  row: StepConfiguration,
  engines: readonly Engine[] = ENGINES,
  precisions: readonly Precision[] = PRECISIONS,
): StepConfiguration[] {
  return engines.flatMap((engine) =>
    precisions
      .filter((precision) => engine === 'compiled' || precision === 'float32')
      .map((precision) => ({ ...row, engine, precision })),
  );
}

/** The rows of issue 5's table. */
export const ROWS: readonly { readonly patch: readonly [number, number, number]; readonly batch: number }[] = [
  { patch: [48, 48, 48], batch: 1 },
  { patch: [48, 48, 48], batch: 2 },
  { patch: [64, 64, 64], batch: 1 },
  { patch: [96, 96, 96], batch: 1 },
  { patch: [32, 48, 32], batch: 4 },
];

/** What the SegResNet planner plans beside affine transforms. With `augmentOn` "loader" it is no part of a step. */
const AUGMENTATION: Plan['augmentation'] = [
  { name: 'gaussian-smooth', probability: 0.2, sigmaVoxels: [0.5, 1] },
  { name: 'scale-intensity', probability: 0.5, factor: 0.3 },
  { name: 'shift-intensity', probability: 0.5, offset: 0.1 },
  { name: 'gaussian-noise', probability: 0.2, standardDeviation: 0.1 },
  { name: 'flip', probability: 0.5, axes: [0, 1, 2] },
];

/** The product's plan of a configuration: everything but the measured parts is the planner's default. */
export function planOf(configuration: StepConfiguration, steps: number): Plan {
  const { network, patch, batch, classes, clipNorm } = configuration;
  const heads = networkOf(network).heads;
  return {
    schemaVersion: 1,
    algorithm: 'segresnet',
    fold: 0,
    labels: Array.from({ length: classes }, (_, value) => ({ value, name: `class ${value}` })),
    labelGroups: null,
    ignoreLabel: null,
    modalities: ['MRI'],
    preprocessing: { spacingMm: null, normalization: [{ mode: 'zscore-nonzero' }] },
    patchSize: [...patch],
    batchSize: batch,
    network,
    training: {
      steps,
      precision: configuration.precision,
      optimizer: 'adamw',
      learningRate: 1e-3,
      schedule: 'cosine',
      momentum: 0.99,
      weightDecay: 1e-5,
      ema: null,
      accumulate: 1,
      recompute: configuration.recompute ?? 'none',
      augmentOn: configuration.augmentOn ?? 'loader',
      startFrom: null,
      freeze: 'none',
      stopEarly: null,
      warmupSteps: 1,
      gradientClipNorm: clipNorm,
      loss: {
        name: 'DiceCELoss',
        options: { to_onehot_y: true, softmax: true, squared_pred: true, smooth_nr: 0, smooth_dr: 1e-5 },
      },
      // MONAI's DeepSupervisionLoss, weight_mode "exp".
      deepSupervisionWeights: Array.from({ length: heads }, (_, head) => Math.max(0.5 ** head, 0.0625)),
      validateEverySteps: steps,
      checkpointEverySteps: steps,
    },
    sampling: { mode: 'class', classRatios: Array.from({ length: classes }, () => 1) },
    augmentation: AUGMENTATION,
    inference: { overlap: 0.5, mode: 'gaussian', sigmaScale: 0.125, windowBatchSize: 1 },
    reasons: {},
  };
}
