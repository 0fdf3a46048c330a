import type { Modality } from '@voxhelm/contracts/dataset';
import type { Augmentation, Device, Normalization, Plan } from '@voxhelm/contracts/plan';
import { axes, checkPatch, perAxis, type Triple, volume } from '../axes.ts';
import { cpuVoxels, describeDevice, referenceGb } from '../device.ts';
import { mirrorIfLong } from '../mirroring.ts';
import { gridOf } from '../patch-grid.ts';
import { withGiven } from '../plan-given.ts';
import {
  because,
  type ChannelForeground,
  channelsOf,
  lossEntry,
  networkEntries,
  normalizationEntry,
  optionOf,
  outputsOf,
  planOf,
  sharedEntries,
  shownNumber,
  spacingEntry,
} from '../plan-of.ts';
import { given, type Reasoned, readEditedPlan } from '../plan-overrides.ts';
import { stepsRule, warmupRule, withSteps } from '../plan-schedule.ts';
import { planSpace } from '../plan-space.ts';
import type { AlgorithmPlanner, PlanInput } from '../planner.ts';
import { medianVoxels } from '../spacing.ts';
import { unetMemory } from './memory.ts';
import { PLAIN_OPTIONS } from './option-names.ts';
import { targetSpacing } from './spacing.ts';
import { planUnet, type UnetPlan } from './topology.ts';

/*
 * nnU-Net's plan of its 3-D full-resolution U-Net (automl.md 6.3 to 6.5): statistics and device in, every decision out.
 */

/** nnU-Net: 1000 epochs of 250 steps. */
const GPU_STEPS = 250_000;

/** What the device decides. */
interface Profile {
  readonly onCpu: boolean;
  readonly memoryGb: number;
  readonly mostVoxels: number;
  readonly baseFeatures: number;
  readonly described: string;
}

function profileOf(device: Device, classes: number): Profile {
  const [memoryGb, described] = [referenceGb(device), describeDevice(device)];
  return device.kind === 'cpu'
    ? { onCpu: true, memoryGb, mostVoxels: cpuVoxels(classes), baseFeatures: 16, described }
    : { onCpu: false, memoryGb, mostVoxels: Number.POSITIVE_INFINITY, baseFeatures: 32, described };
}

/** nnU-Net's augmentation without contrast. */
const AUGMENTATION: readonly Augmentation[] = [
  {
    name: 'affine',
    probability: 0.2,
    rotationRadians: [Math.PI / 6, Math.PI / 6, Math.PI / 6],
    scale: [0.3, 0.3, 0.3],
  },
  { name: 'gaussian-noise', probability: 0.1, standardDeviation: Math.sqrt(0.1) },
  { name: 'gaussian-smooth', probability: 0.2, sigmaVoxels: [0.5, 1] },
  { name: 'scale-intensity', probability: 0.15, factor: 0.25 },
  { name: 'gamma', probability: 0.3, range: [0.7, 1.5] },
  { name: 'flip', probability: 0.5, axes: [0, 1, 2] },
];

/** nnU-Net's too; on a CPU a plan stays what was measured. */
const LOW_RESOLUTION: Augmentation = { name: 'RandSimulateLowResolutiond', prob: 0.25, zoom_range: [0.5, 1] };

/** Share of patches that nnU-Net centres on a foreground voxel. */
const FOREGROUND_SHARE = 0.33;

/** nnU-Net: where images fill less of their boxes, the zeros around them are left out of their z-score. */
const MASKED_BELOW = 0.75;

/** True where images stand in so much of nothing that a z-score leaves the zeros out. */
function mostlyEmpty({ summary }: PlanInput): boolean {
  const { cropped_shape: cropped, shape } = summary.image_stats;
  return volume(axes(cropped, 'median')) / volume(axes(shape, 'median')) < MASKED_BELOW;
}

/** CT: cut to the foreground's range and scaled by its mean and deviation; all else: z-score per image. */
function normalizationRule(input: PlanInput) {
  const masked = mostlyEmpty(input);
  return (modality: Modality, { intensity, described }: ChannelForeground): Reasoned<Normalization> => {
    const { percentile_00_5: lower, percentile_99_5: upper, mean, stdev: deviation } = intensity;
    if (modality === 'CT' && upper > lower && deviation > 0) {
      const range = `${shownNumber(lower)} .. ${shownNumber(upper)}`;
      return because(
        { mode: 'clip-zscore', lower, upper, mean, deviation },
        `CT: cut to ${range}, percentiles 0.5 and 99.5 ${described}, then its z-score`,
      );
    }
    return masked
      ? because(
          { mode: 'zscore-nonzero' },
          `${modality}: z-score of each image without the zeros, which are a quarter or more`,
        )
      : because({ mode: 'zscore' }, `${modality}: z-score of each image`);
  };
}

function optionRules(input: PlanInput, unet: UnetPlan, channels: number, profile: Profile) {
  const { strides, kernels, patchSize } = unet.topology;
  const halvings = `patch ${patchSize.join(' x ')}: each axis is halved while its edge is at least 8 and its spacing within twice the finest (nnU-Net)`;
  const own = 'nnU-Net';
  return {
    input_channels: because(channels, 'channels of the images'),
    num_classes: outputsOf(input),
    n_stages: because(strides.length, halvings),
    features_per_stage: because(
      unet.features,
      `${profile.baseFeatures} at full resolution (nnU-Net 32; half of it on a CPU), doubled up to 320`,
    ),
    conv_op: because('torch.nn.modules.conv.Conv3d', '3-D full resolution'),
    kernel_sizes: because(kernels, '3 on an axis once its spacing is within twice the finest, before that 1 (nnU-Net)'),
    strides: because(strides, halvings),
    n_conv_per_stage: because(
      strides.map(() => 2),
      own,
    ),
    n_conv_per_stage_decoder: because(
      strides.slice(1).map(() => 2),
      own,
    ),
    conv_bias: because(true, own),
    norm_op: because('torch.nn.modules.instancenorm.InstanceNorm3d', own),
    'norm_op_kwargs.eps': because(1e-5, own),
    'norm_op_kwargs.affine': because(true, own),
    nonlin: because('torch.nn.LeakyReLU', own),
    deep_supervision: because(true, own),
  };
}

/** What a patch must be a multiple of, by the strides that the plan has in the end. */
function divisorOf(strides: unknown): Triple {
  const steps = Array.isArray(strides) ? strides : [];
  return perAxis((axis) =>
    steps.reduce<number>((product, step) => product * Number(Array.isArray(step) ? step[axis] : step), 1),
  );
}

/** 1, 1/2, 1/4, ..., the coarsest 0, together 1 (nnU-Net). */
function headWeights(heads: number): number[] {
  if (heads < 2) return [1];
  const weights = Array.from({ length: heads }, (_, head) => (head === heads - 1 ? 0 : 0.5 ** head));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** nnU-Net's own optimiser where there is time for its 250000 steps; on a CPU what learns in a few hundred. */
function optimizerEntries(input: PlanInput, profile: Profile, steps: number, batchSize: number) {
  const short = 'short trainings on a CPU: AdamW learns in a few hundred steps, where nnU-Net has 250000 of SGD';
  const rate = given(input.overrides.learningRate, () =>
    profile.onCpu ? because(1e-3, short) : because(0.01, 'nnU-Net'),
  );
  return {
    'training.optimizer': profile.onCpu ? because('adamw', short) : because('sgd-nesterov', 'nnU-Net'),
    'training.learningRate': rate,
    'training.schedule': profile.onCpu
      ? because('cosine', 'with AdamW, as Auto3DSeg')
      : because('polynomial', 'nnU-Net'),
    'training.momentum': because(0.99, 'nnU-Net (of SGD alone)'),
    'training.weightDecay': because(3e-5, 'nnU-Net'),
    'training.warmupSteps': profile.onCpu
      ? because(
          warmupRule(steps, input.trainingCases, batchSize),
          'with AdamW, as Auto3DSeg: 3 epochs, at most a tenth',
        )
      : because(0, 'nnU-Net has none'),
  };
}

function planNnunet(input: PlanInput): Plan {
  const { overrides, labels, summary, trainingCases } = input;
  const edited = overrides.plans?.['unet'];
  if (edited !== undefined) {
    const plan = readEditedPlan('unet', edited, input.fold);
    checkPatch(plan.patchSize, divisorOf(plan.network.options['strides']), 'plan.plans.unet.patchSize');
    return plan;
  }
  const channels = channelsOf(input);
  const profile = profileOf(input.device, labels.length);
  const { targetMm, rule } = targetSpacing(summary);
  const spacingMm = spacingEntry(summary, targetMm, overrides.spacingMm, rule);
  const workingMm = overrides.spacingMm ?? targetMm;
  const median = medianVoxels(summary, workingMm);
  const problem = { ...profile, spacingMm: workingMm, medianVoxels: median, trainingCases, classes: labels.length };
  const unet = planUnet(problem, overrides.patchSize);
  const network = networkEntries(
    input,
    because('PlainConvUNet', 'the network of the algorithm unet (nnU-Net)'),
    optionRules(input, unet, channels, profile),
  );
  const strides = optionOf(network, 'strides');
  const patchSize = given<Triple>(overrides.patchSize, () =>
    because(
      unet.topology.patchSize,
      `median image ${median.join(' x ')}; the largest whose network fits ${profile.described}: ${Math.round(unet.estimate / 1e6)} million voxels of feature maps a patch, ${Math.round(unet.reference / 1e6)} million for two allowed`,
    ),
  );
  checkPatch(patchSize.value, divisorOf(strides), 'plan.patchSize');
  const batchSize = given(overrides.batchSize, () =>
    profile.onCpu
      ? because(2, "nnU-Net's smallest, for a CPU")
      : because(unet.batchSize, 'what memory allows, at most 5 % of the dataset, 2 at least (nnU-Net)'),
  );
  const steps = given(overrides.steps, () =>
    profile.onCpu ? stepsRule(trainingCases, batchSize.value) : because(GPU_STEPS, 'nnU-Net: 1000 epochs of 250 steps'),
  );
  const stages = Array.isArray(strides) ? strides.length : 1;
  const heads = optionOf(network, 'deep_supervision') === true ? Math.max(1, stages - 1) : 1;
  const foreground = FOREGROUND_SHARE / (labels.length - 1);
  const plan = planOf({
    ...sharedEntries(input, 'unet', channels, steps.value, profile.onCpu ? 100 : 250),
    'preprocessing.spacingMm': spacingMm,
    'preprocessing.interpolation': because('spline', 'nnU-Net: order 3, along a clearly coarse axis the nearest slice'),
    'preprocessing.normalization': normalizationEntry(input, normalizationRule(input), 'nnU-Net'),
    patchSize,
    batchSize,
    ...network,
    'training.steps': steps,
    ...optimizerEntries(input, profile, steps.value, batchSize.value),
    'training.gradientClipNorm': because(12, 'nnU-Net'),
    'training.loss': lossEntry(
      input,
      {
        name: 'DiceCELoss',
        options: { include_background: false, to_onehot_y: true, softmax: true, smooth_nr: 1e-5, smooth_dr: 1e-5 },
      },
      'nnU-Net: Dice without background and cross entropy',
    ),
    'training.deepSupervisionWeights': because(headWeights(heads), 'nnU-Net: halved from head to head, the coarsest 0'),
    'sampling.mode': because('class', 'nnU-Net: some patches are made to show foreground'),
    'sampling.classRatios': because(
      labels.map((_, index) => (index === 0 ? 1 - FOREGROUND_SHARE : foreground)),
      'nnU-Net: a third of the patches is centred on foreground, each class equally often',
    ),
    augmentation: profile.onCpu
      ? because(AUGMENTATION, "nnU-Net's, without contrast and low resolution")
      : because([...AUGMENTATION, LOW_RESOLUTION], "nnU-Net's, without contrast"),
    'inference.overlap': because(0.5, 'nnU-Net'),
    'inference.windowBatchSize': because(profile.onCpu ? 2 : 4, profile.described),
  });
  return mirrorIfLong(withGiven(plan, input), steps.value);
}

/** nnU-Net's U-Net. */
export const unet: AlgorithmPlanner = {
  name: 'unet',
  title: 'nnU-Net',
  // 31 s where SegResNet takes 23 (the sample's plans on two idle cores, 25 November 2026).
  pace: 1.35,
  networkOptions: PLAIN_OPTIONS,
  hasEncoder: true,
  plan: planNnunet,
  patchGrid: (plan) => gridOf(divisorOf(plan.network.options['strides'])),
  memory: unetMemory,
  ...planSpace({ algorithm: 'unet', augmentation: true, own: () => null }),
  withSteps,
};
