import { z } from 'zod';
import { ArtifactRef } from './artifact.ts';
import { LabelDefinition, LabelGroup, Modality } from './dataset.ts';
import { PatchTransform, VolumeTransform } from './transforms.ts';

const Triple = z.tuple([z.number(), z.number(), z.number()]);
const Share = z.number().min(0).max(1);
const PositiveTriple = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]);
const PositiveIntTriple = z.tuple([
  z.number().int().positive(),
  z.number().int().positive(),
  z.number().int().positive(),
]);

/** How one channel's intensities are brought to the network's range. */
export const Normalization = z.discriminatedUnion('mode', [
  /** (x - mean) / standard deviation over the voxels that are not 0; zeros stay 0 (Auto3DSeg "meanstd", MRI). */
  z.object({ mode: z.literal('zscore-nonzero') }),
  /** sigmoid of x scaled from [lower, upper] to [-1, 1] (Auto3DSeg "range", CT; bounds are foreground percentiles). */
  z.object({ mode: z.literal('range-sigmoid'), lower: z.number(), upper: z.number() }),
  /** (x - mean) / standard deviation over all voxels (nnU-Net's z-score). */
  z.object({ mode: z.literal('zscore') }),
  /** Cut to [lower, upper] and brought to 0..1 (Auto3DSeg's SwinUNETR and DiNTS, CT). */
  z.object({ mode: z.literal('range-clip'), lower: z.number(), upper: z.number() }),
  /** Cut to [lower, upper], then (x - mean) / deviation of the dataset's foreground (nnU-Net, CT). */
  z.object({
    mode: z.literal('clip-zscore'),
    lower: z.number(),
    upper: z.number(),
    mean: z.number(),
    deviation: z.number().positive(),
  }),
  /** sigmoid of (x - smallest) / standard deviation of the image (Auto3DSeg "pet"). */
  z.object({ mode: z.literal('shift-sigmoid') }),
  z.object({ mode: z.literal('none') }),
]);
export type Normalization = z.infer<typeof Normalization>;

/** Random transforms of training patches in Voxhelm's own short form, which planners write; `probability` in 0..1, angles in radians. */
const ShortAugmentation = z.discriminatedUnion('name', [
  z.object({ name: z.literal('flip'), probability: Share, axes: z.array(z.number().int().min(0).max(2)) }),
  z.object({ name: z.literal('affine'), probability: Share, rotationRadians: Triple, scale: Triple }),
  z.object({
    name: z.literal('gaussian-smooth'),
    probability: Share,
    sigmaVoxels: z.tuple([z.number().nonnegative(), z.number().nonnegative()]),
  }),
  z.object({ name: z.literal('gaussian-noise'), probability: Share, standardDeviation: z.number().nonnegative() }),
  z.object({ name: z.literal('scale-intensity'), probability: Share, factor: z.number() }),
  z.object({ name: z.literal('shift-intensity'), probability: Share, offset: z.number() }),
  z.object({
    name: z.literal('gamma'),
    probability: Share,
    range: z.tuple([z.number().positive(), z.number().positive()]),
  }),
]);

/** Where a transform of whole volumes belongs that someone names among a plan's random ones; undefined for any other name. */
function placeOf(input: unknown): string | undefined {
  const name = (input as { name?: unknown } | null)?.name;
  const known = VolumeTransform.options.some(({ shape }) => shape.name.value === name);
  if (!known || typeof name !== 'string') return undefined;
  if (name.startsWith('RandCrop')) {
    return `${name} is no augmentation: plan.patchSize and plan.classRatios say which patches are cut`;
  }
  return `${name} is no augmentation: training and prediction must share it, so it belongs to plan.preprocessing, which is planned (plan.spacingMm sets its spacing, a whole plan in plan.plans all of it)`;
}

/** One random transform of the training patches: the short form, or one of MONAI's or TorchIO's by its name. */
export const Augmentation = z.discriminatedUnion('name', [...ShortAugmentation.options, ...PatchTransform.options], {
  error: ({ input }) => placeOf(input),
});
export type Augmentation = z.infer<typeof Augmentation>;
/** The short ones that a device can do. */
export type DeviceAugmentation = Exclude<z.infer<typeof ShortAugmentation>, { name: 'affine' }>;

const overlapLoss = {
  include_background: z.boolean().optional(),
  /** Targets are always class indices. */
  to_onehot_y: z.literal(true).optional(),
  sigmoid: z.boolean().optional(),
  softmax: z.boolean().optional(),
  batch: z.boolean().optional(),
  smooth_nr: z.number().optional(),
  smooth_dr: z.number().optional(),
  reduction: z.enum(['mean', 'sum']).optional(),
};
/** A number for each class that counts, or where the loss takes it one for all. */
const classWeights = z
  .union([z.number().nonnegative(), z.array(z.number().nonnegative()).min(1)])
  .nullable()
  .optional();
const diceLoss = {
  ...overlapLoss,
  squared_pred: z.boolean().optional(),
  jaccard: z.boolean().optional(),
  weight: classWeights,
};
const focal = { gamma: z.number().optional(), alpha: classWeights };

/** A loss by MONAI's class name with MONAI's option names and defaults (nn/losses). */
export const LossConfig = z.discriminatedUnion('name', [
  z.strictObject({ name: z.literal('DiceLoss'), options: z.strictObject(diceLoss).default({}) }),
  z.strictObject({
    name: z.literal('DiceCELoss'),
    options: z
      .strictObject({
        ...diceLoss,
        lambda_dice: z.number().nonnegative().optional(),
        lambda_ce: z.number().nonnegative().optional(),
        label_smoothing: z.number().min(0).max(1).optional(),
      })
      .default({}),
  }),
  z.strictObject({
    name: z.literal('DiceFocalLoss'),
    options: z
      .strictObject({
        ...diceLoss,
        ...focal,
        lambda_dice: z.number().nonnegative().optional(),
        lambda_focal: z.number().nonnegative().optional(),
      })
      .default({}),
  }),
  z.strictObject({
    name: z.literal('GeneralizedDiceLoss'),
    options: z.strictObject({ ...overlapLoss, w_type: z.enum(['square', 'simple', 'uniform']).optional() }).default({}),
  }),
  z.strictObject({
    name: z.literal('TverskyLoss'),
    options: z.strictObject({ ...overlapLoss, alpha: z.number().optional(), beta: z.number().optional() }).default({}),
  }),
  z.strictObject({
    name: z.literal('FocalLoss'),
    options: z
      .strictObject({
        ...focal,
        include_background: z.boolean().optional(),
        to_onehot_y: z.literal(true).optional(),
        weight: classWeights,
        use_softmax: z.boolean().optional(),
        reduction: z.enum(['mean', 'sum']).optional(),
      })
      .default({}),
  }),
]);
export type LossConfig = z.infer<typeof LossConfig>;

/** How a network's architecture is searched before it is trained: steps that move a supernet's weights and its choices by turns. */
export const ArchitectureSearch = z
  .strictObject({
    steps: z.number().int().positive(),
    /** The first steps, which move weights alone. */
    warmupSteps: z.number().int().nonnegative(),
    /** Estimated memory of the found network's cells, as a share of all cells' together. */
    memoryBudget: z.number().positive().max(1),
    /** The supernet's width, as a factor of the reference's. */
    channelMultiplier: z.number().positive(),
    /** Patches of one step; the training's where it is not given. */
    batchSize: z.number().int().positive().optional(),
    /** Of the weights (SGD with Nesterov momentum), and of the choices (Adam). */
    learningRate: z.number().positive(),
    architectureLearningRate: z.number().positive(),
    checkpointEverySteps: z.number().int().positive(),
    seed: z.number().int(),
  })
  .meta({ id: 'ArchitectureSearch' });
export type ArchitectureSearch = z.infer<typeof ArchitectureSearch>;

/** What a search found (JSON artifact). */
export const FoundArchitecture = z.object({
  schemaVersion: z.literal(1),
  /** Options of `plan.network` that describe it. */
  options: z.record(z.string(), z.unknown()),
  /** Estimated memory of the found cells as a share of all cells'; and what the supernet's probabilities expected. */
  memoryShare: z.number(),
  expectedMemoryShare: z.number(),
  steps: z.number().int(),
  searchMs: z.number(),
});
export type FoundArchitecture = z.infer<typeof FoundArchitecture>;

/** Weights that a training begins with: those of its parameters that have the same names and shapes. */
export const StartFrom = z
  .strictObject({
    /** As the request names it. */
    source: z.string().min(1),
    /** An ensemble bundle, a safetensors file, or a PyTorch checkpoint. */
    weights: ArtifactRef,
    /** True: a training into which nothing of it fits is refused. False: it begins with drawn weights, and says so. */
    required: z.boolean(),
  })
  .meta({ id: 'StartFrom' });
export type StartFrom = z.infer<typeof StartFrom>;

/** When a training whose validation curve has become flat ends before its last step. */
export const StopEarly = z
  .strictObject({
    /** Not before this share of the steps. */
    fromShare: z.number().min(0).max(1).default(0.5),
    /** Validations over which the curve's slope is taken. */
    validations: z.number().int().min(3).default(10),
    /** Mean Dice that the rest of the training must promise, by that slope and its uncertainty. */
    leastGain: z.number().nonnegative().default(0.001),
  })
  .meta({ id: 'StopEarly' });
export type StopEarly = z.infer<typeof StopEarly>;

/** Labels that a plan may have, background included: a voxel's class is 8 bits, and 255 is what nobody labelled. */
export const MOST_LABELS = 255;

/**
 * An algorithm configured for one dataset and fold: the algorithm bundle's content. Every decision is in here and can be
 * read and edited; training decides nothing more. Axes are the volume's [x, y, z] in RAS+ orientation.
 */
export const Plan = z
  .strictObject({
    schemaVersion: z.literal(1),
    algorithm: z.string().min(1),
    fold: z.number().int().nonnegative(),
    labels: z.array(LabelDefinition).min(2).max(MOST_LABELS),
    /** What the network tells apart, a sigmoid each; null: the labels, which exclude each other (softmax). */
    labelGroups: z.array(LabelGroup).min(2).nullable().default(null),
    /** The value of voxels that count neither in the loss nor in a score; null: every voxel is labelled. */
    ignoreLabel: z.number().int().positive().nullable().default(null),
    modalities: z.array(Modality).min(1),
    preprocessing: z.strictObject({
      /** null: no resampling, each case keeps its own spacing. */
      spacingMm: PositiveTriple.nullable(),
      /** Of images, where they are resampled: cubic splines, nearest along a clearly coarse axis; absent: linear. */
      interpolation: z.enum(['linear', 'spline']).optional(),
      normalization: z.array(Normalization).min(1),
    }),
    patchSize: PositiveIntTriple,
    /** Where a device ran out of memory: the patch that was planned before. Trainings go on from each other's checkpoints. */
    plannedPatchSize: PositiveIntTriple.optional(),
    batchSize: z.number().int().positive(),
    /** Class by the reference's name, options by the reference's names (snake_case as MONAI writes them). */
    network: z.strictObject({ class: z.string(), options: z.record(z.string(), z.unknown()) }),
    training: z.strictObject({
      steps: z.number().int().positive(),
      /** Of convolutions and products; weights, losses and statistics are float32 in both. */
      precision: z.enum(['float32', 'bfloat16']).default('float32'),
      /** AdamW (Loshchilov and Hutter) or SGD with Nesterov momentum, both by PyTorch's formulas. */
      optimizer: z.enum(['adamw', 'sgd-nesterov']),
      learningRate: z.number().positive(),
      /** How the learning rate falls to 0 after the warm-up: half a cosine, or (1 - progress)^0.9 as nnU-Net's. */
      schedule: z.enum(['cosine', 'polynomial']).default('cosine'),
      /** Of SGD; AdamW has its own. */
      momentum: z.number().min(0).lt(1).default(0.99),
      weightDecay: z.number().nonnegative(),
      /** Decay of the running mean of the weights, which then validates and is kept as the best; null: the weights themselves. */
      ema: z.number().min(0).lt(1).nullable().default(null),
      /** Micro-batches of `batchSize` patches whose gradients are averaged for one step. */
      accumulate: z.number().int().positive().default(1),
      /** What the forward pass forgets and the backward pass computes again: nothing, or the inside of each block. */
      recompute: z.enum(['none', 'blocks']).default('none'),
      /** Where flips and intensity transforms are done: in the loader's threads or by the device. Affine: always the loader. */
      augmentOn: z.enum(['loader', 'device']).default('loader'),
      warmupSteps: z.number().int().nonnegative(),
      gradientClipNorm: z.number().positive().nullable(),
      /** Weights to begin with; null: drawn from the seed. */
      startFrom: StartFrom.nullable().default(null),
      /** What of the network stays as it began: nothing, or its encoder. */
      freeze: z.enum(['none', 'encoder']).default('none'),
      /** null: every step is done. */
      stopEarly: StopEarly.nullable().default(null),
      loss: LossConfig,
      /** Weight of each head, full resolution first. */
      deepSupervisionWeights: z.array(z.number()).min(1),
      /** Steps between validations; the last step always validates. */
      validateEverySteps: z.number().int().positive(),
      /** Steps between "last" checkpoints (beside one at each validation). */
      checkpointEverySteps: z.number().int().positive(),
    }),
    /**
     * Absent where the network is trained as `network` has it. Where it is there, training begins with a search, whose
     * result replaces the architecture in `network`: a trained plan has none.
     */
    architectureSearch: ArchitectureSearch.optional(),
    sampling: z.strictObject({
      /** Where patches lie: centred on a voxel of a drawn class, or anywhere (Auto3DSeg's crop modes "ratio" and "rand"). */
      mode: z.enum(['class', 'uniform']).default('class'),
      /** Probability of each label value (in the order of `labels`) to be the centre of a patch. */
      classRatios: z.array(z.number().nonnegative()),
    }),
    augmentation: z.array(Augmentation),
    inference: z.strictObject({
      overlap: z.number().min(0).max(0.95),
      mode: z.enum(['gaussian', 'constant']),
      sigmaScale: z.number().positive(),
      windowBatchSize: z.number().int().positive(),
    }),
    /** For each value by its path ("training.learningRate"): the statistic, rule or override that it came from. */
    reasons: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Plan' });
export type Plan = z.infer<typeof Plan>;

/** The device that a trainer found; plans fit to it. */
export const Device = z
  .object({
    kind: z.enum(['cpu', 'cuda']),
    name: z.string(),
    memoryBytes: z.number().int().positive(),
    cores: z.number().int().positive(),
  })
  .meta({ id: 'Device' });
export type Device = z.infer<typeof Device>;
