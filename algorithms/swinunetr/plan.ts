import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { Modality } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Augmentation, Normalization, Plan } from '@voxhelm/contracts/plan';
import { axes, checkPatch, perAxis, type Triple, volume } from '../axes.ts';
import { describeDevice, MANY_CLASSES, referenceGb } from '../device.ts';
import { mirrorIfLong } from '../mirroring.ts';
import { withGiven } from '../plan-given.ts';
import {
  AUTO3DSEG_LOSS,
  because,
  type ChannelForeground,
  channelsOf,
  lossEntry,
  networkEntries,
  normalizationEntry,
  outputsOf,
  planOf,
  sharedEntries,
  shownNumber,
  spacingEntry,
} from '../plan-of.ts';
import { given, type Reasoned, readEditedPlan } from '../plan-overrides.ts';
import { withSteps } from '../plan-schedule.ts';
import { halfOrWhole, planSpace } from '../plan-space.ts';
import type { AlgorithmPlanner, PlanInput } from '../planner.ts';
import { sliceAxis } from '../segresnet/geometry.ts';
import { swinunetrMemory } from './memory.ts';
import { SWINUNETR_OPTIONS } from './option-names.ts';

/*
 * SwinUNETR's plan by Auto3DSeg's rules (automl.md 1.7): statistics and device in, every decision out, with its reason.
 */

/** The network halves five times. */
const DIVISOR: Triple = [32, 32, 32];
/** One axis at least must be this long: at 1/32 an instance norm needs more than one voxel. */
const LEAST_LONGEST = 64;
/** Auto3DSeg's, and for a CPU the least whose coarsest maps an instance norm can take. */
const GPU_EDGE = 96;
const CPU_EDGE = 64;
const SMALLEST_EDGE = 32;

interface Profile {
  readonly onCpu: boolean;
  readonly classes: number;
  readonly featureSize: number;
  /** Patches in a batch. */
  readonly patches: number;
  readonly described: string;
}

function profileOf({ device, labels }: PlanInput): Profile {
  const [classes, described] = [labels.length, describeDevice(device)];
  if (device.kind === 'cpu') return { onCpu: true, classes, featureSize: 12, patches: 1, described };
  // Auto3DSeg's patches by memory and classes; 2 to 105 of these are what it was fitted to (automl.md 1.7).
  const memoryGb = Math.max(1, referenceGb(device) - 1);
  const more = (classes - 2) / 103;
  const [low, high] = [12 + 28 * more, 48 + 100 * more];
  const patches = Math.max(1, Math.trunc(2 + (7 * (memoryGb - low)) / (high - low)));
  return { onCpu: false, classes, featureSize: memoryGb >= 12 ? 48 : 24, patches, described };
}

const AUGMENTATION: readonly Augmentation[] = [
  { name: 'flip', probability: 0.2, axes: [0, 1, 2] },
  { name: 'scale-intensity', probability: 0.1, factor: 0.1 },
  { name: 'shift-intensity', probability: 0.1, offset: 0.1 },
];

/** Auto3DSeg's too, which knows axial slices alone; on a CPU a plan stays what was measured. */
function quarterTurns(spacingMm: Triple): Augmentation {
  const slices = sliceAxis(spacingMm);
  const plane = [0, 1, 2].filter((axis) => axis !== slices) as [number, number];
  return { name: 'RandRotate90d', prob: 0.2, max_k: 3, spatial_axes: plane };
}

/** Auto3DSeg: the median spacing, but 1 mm where it has axes on both sides of that. */
function targetSpacing(summary: AnalysisSummary): { targetMm: Triple; rule: string } {
  const medianMm = axes(summary.image_stats.spacing, 'median');
  if (Math.max(...medianMm) > 1 && Math.min(...medianMm) < 1) {
    return { targetMm: [1, 1, 1], rule: '1 mm, for the median has axes above and below it (Auto3DSeg)' };
  }
  return { targetMm: medianMm, rule: 'median spacing (Auto3DSeg)' };
}

/** CT: cut to the foreground's range, then 0..1; all else: z-score over the voxels that are not 0. */
function normalizationOf(modality: Modality, { intensity, described }: ChannelForeground): Reasoned<Normalization> {
  const { percentile_00_5: lower, percentile_99_5: upper } = intensity;
  if (modality !== 'CT' || !(upper > lower)) {
    return because({ mode: 'zscore-nonzero' }, `${modality}: z-score over the voxels that are not 0`);
  }
  const range = `${shownNumber(lower)} .. ${shownNumber(upper)}`;
  return because(
    { mode: 'range-clip', lower, upper },
    `CT: cut to ${range}, percentiles 0.5 and 99.5 ${described}, then 0..1`,
  );
}

/**
 * Auto3DSeg: 96 along each axis, 64 where the largest image is shorter. On a CPU at most 64 and multiples of
 * 32, which is what the network needs; the longest axis is never shorter than 64.
 */
function patchRule(summary: AnalysisSummary, targetMm: Triple, profile: Profile): Reasoned<Triple> {
  const largest = perAxis((axis) => Math.ceil(axes(summary.image_stats.sizemm, 'max')[axis] / targetMm[axis]));
  if (!profile.onCpu) {
    const value = perAxis((axis) => (largest[axis] < GPU_EDGE ? LEAST_LONGEST : GPU_EDGE));
    return because(value, 'Auto3DSeg: 96 along each axis, 64 where the largest image is shorter');
  }
  // For many classes the logits of 64^3 alone are 100 MB and more, several times over.
  const most = profile.classes > MANY_CLASSES ? SMALLEST_EDGE : CPU_EDGE;
  const edges = perAxis((axis) => Math.min(most, 32 * Math.max(1, Math.floor(largest[axis] / 32))));
  const longest = largest.indexOf(Math.max(...largest));
  const value = perAxis((axis) => (axis === longest ? LEAST_LONGEST : edges[axis]));
  return because(
    value,
    `${profile.described}: multiples of 32 up to 64; the longest axis 64, below which the network has no norm`,
  );
}

function checkLongest(patchSize: Readonly<Triple>, field: string): void {
  if (Math.max(...patchSize) >= LEAST_LONGEST) return;
  throw new VoxhelmError(
    'invalid-request',
    `patch size ${patchSize.join(' x ')} is too small for SwinUNETR: at 1/32 its instance norms would see one voxel`,
    { fix: 'Make one axis at least 64.', details: { field } },
  );
}

function planSwinunetr(input: PlanInput): Plan {
  const { overrides, labels, summary, trainingCases } = input;
  const edited = overrides.plans?.['swinunetr'];
  if (edited !== undefined) {
    const plan = readEditedPlan('swinunetr', edited, input.fold);
    checkPatch(plan.patchSize, DIVISOR, 'plan.plans.swinunetr.patchSize');
    checkLongest(plan.patchSize, 'plan.plans.swinunetr.patchSize');
    return plan;
  }
  const channels = channelsOf(input);
  const profile = profileOf(input);
  const { targetMm, rule } = targetSpacing(summary);
  const workingMm = overrides.spacingMm ?? targetMm;
  const patchSize = given<Triple>(overrides.patchSize, () => patchRule(summary, workingMm, profile));
  checkPatch(patchSize.value, DIVISOR, 'plan.patchSize');
  checkLongest(patchSize.value, 'plan.patchSize');
  const batchSize = given(overrides.batchSize, () =>
    because(profile.patches, `Auto3DSeg's patches by memory, on ${profile.described}`),
  );
  // Auto3DSeg takes two patches of each case for each patch in a batch: two batches a case and epoch.
  const crops = 2 * batchSize.value;
  const epochs = Math.max(1, Math.min(1000, Math.trunc(800_000 / trainingCases / crops)));
  const steps = given(overrides.steps, () =>
    because(
      2 * epochs * trainingCases,
      `Auto3DSeg: ${epochs} epochs (800000 patches, at most 1000 epochs) of ${trainingCases} cases, ${crops} patches of each`,
    ),
  );
  const learningRate = given(overrides.learningRate, () =>
    profile.onCpu ? because(1e-3, 'short trainings of small networks on a CPU') : because(4e-4, 'Auto3DSeg'),
  );
  const network = networkEntries(input, because('SwinUNETR', 'the network of the algorithm swinunetr (MONAI)'), {
    in_channels: because(channels, 'channels of the images'),
    out_channels: outputsOf(input),
    feature_size: because(
      profile.featureSize,
      `${profile.described}: 48 as Auto3DSeg where memory allows, 12 on a CPU`,
    ),
    use_v2: because(false, 'Auto3DSeg'),
  });
  const plan = planOf({
    ...sharedEntries(input, 'swinunetr', channels, steps.value, profile.onCpu ? 50 : 250),
    'preprocessing.spacingMm': spacingEntry(summary, targetMm, overrides.spacingMm, rule),
    'preprocessing.normalization': normalizationEntry(input, normalizationOf, 'Auto3DSeg'),
    patchSize,
    batchSize,
    ...network,
    'training.steps': steps,
    'training.optimizer': because('adamw', 'Auto3DSeg'),
    'training.learningRate': learningRate,
    'training.schedule': because('cosine', 'Auto3DSeg'),
    'training.momentum': because(0.99, 'of SGD alone'),
    'training.weightDecay': because(1e-5, 'Auto3DSeg'),
    'training.warmupSteps': because(Math.floor(steps.value / 100), 'Auto3DSeg: a hundredth of the training'),
    'training.gradientClipNorm': because(0.5, 'Auto3DSeg'),
    'training.loss': lossEntry(
      input,
      AUTO3DSEG_LOSS,
      'Auto3DSeg: DiceCE with squared predictions, background included',
    ),
    'training.deepSupervisionWeights': because([1], 'the network has one head'),
    'sampling.mode': because('class', 'Auto3DSeg crops by class whatever the patch shows'),
    'sampling.classRatios': because(
      labels.map(() => 1 / labels.length),
      'Auto3DSeg: every class is equally often the centre of a patch, background included',
    ),
    augmentation: profile.onCpu
      ? because(AUGMENTATION, "Auto3DSeg's, without quarter turns")
      : because([...AUGMENTATION, quarterTurns(workingMm)], "Auto3DSeg's, quarter turns in the plane of the slices"),
    'inference.overlap': because(
      profile.onCpu ? 0.25 : 0.625,
      `${profile.described}: 0.625 as Auto3DSeg's last pass, less on a CPU`,
    ),
    'inference.windowBatchSize': because(volume(patchSize.value) > 64 ** 3 ? 2 : 1, 'attention fills the memory soon'),
  });
  return mirrorIfLong(withGiven(plan, input), steps.value);
}

/** Auto3DSeg's SwinUNETR. */
export const swinunetr: AlgorithmPlanner = {
  name: 'swinunetr',
  title: 'SwinUNETR',
  // 50 s where SegResNet takes 23 (the sample's plans on two idle cores, 25 November 2026).
  pace: 2.2,
  networkOptions: SWINUNETR_OPTIONS,
  hasEncoder: true,
  plan: planSwinunetr,
  patchGrid: () => ({ divisor: DIVISOR, least: DIVISOR, leastLongest: LEAST_LONGEST }),
  memory: swinunetrMemory,
  ...planSpace({
    algorithm: 'swinunetr',
    augmentation: true,
    ownKey: 'featureSize',
    own: (plan) =>
      plan.network.options['feature_size'] === 48 ? halfOrWhole(plan, 'featureSize', 'feature_size') : null,
  }),
  withSteps,
};
