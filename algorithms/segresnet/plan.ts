import type { Modality } from '@voxhelm/contracts/dataset';
import type { Augmentation, Normalization, Plan } from '@voxhelm/contracts/plan';
import { checkPatch, perAxis, type Triple, volume } from '../axes.ts';
import { mirrorIfLong } from '../mirroring.ts';
import { gridOf } from '../patch-grid.ts';
import { withGiven } from '../plan-given.ts';
import {
  AUTO3DSEG_LOSS,
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
} from '../plan-of.ts';
import { given, type Reasoned, readEditedPlan } from '../plan-overrides.ts';
import { stepsRule, WARMUP_EPOCHS, warmupRule, withSteps } from '../plan-schedule.ts';
import { halfOrWhole, planSpace } from '../plan-space.ts';
import type { AlgorithmPlanner, PlanInput } from '../planner.ts';
import { type DeviceProfile, deviceProfile } from './device-profile.ts';
import { divisorOfOptions } from './divisor.ts';
import { type PatchPlan, planPatch, planSpacing, type SpacingPlan } from './geometry.ts';
import { segresnetMemory } from './memory.ts';
import { SEGRESNET_OPTIONS } from './option-names.ts';
import { cropRule } from './patch-centres.ts';

/*
 * SegResNet's plan by Auto3DSeg's rules (../shared/reference/automl.md 1.6): statistics in, every decision out, each
 * with its reason.
 */

/** Residual blocks of each encoder level, by the number of levels (Auto3DSeg). */
const BLOCKS_DOWN: readonly (readonly number[])[] = [[2], [1, 3], [1, 2, 4], [1, 2, 2, 4], [1, 2, 2, 4, 4]];

/** Auto3DSeg's default augmentation, in its order; rotations are 15 degrees. */
const AUGMENTATION: readonly Augmentation[] = [
  { name: 'affine', probability: 0.2, rotationRadians: [0.26, 0.26, 0.26], scale: [0.2, 0.2, 0.2] },
  { name: 'gaussian-smooth', probability: 0.2, sigmaVoxels: [0.5, 1] },
  { name: 'scale-intensity', probability: 0.5, factor: 0.3 },
  { name: 'shift-intensity', probability: 0.5, offset: 0.1 },
  { name: 'gaussian-noise', probability: 0.2, standardDeviation: 0.1 },
  { name: 'flip', probability: 0.5, axes: [0, 1, 2] },
];

/** nnU-Net's clipping norm: never reached in a healthy training, it keeps one bad batch from ending a trial. */
const GRADIENT_CLIP_NORM = 12;

/** CT: to the range of the foreground. PET: above the image's own least. All else: z-score over the voxels that are not 0. */
function normalizationOf(modality: Modality, { intensity, described }: ChannelForeground): Reasoned<Normalization> {
  const { percentile_00_5: lower, percentile_99_5: upper } = intensity;
  if (modality === 'PET') {
    return because({ mode: 'shift-sigmoid' }, 'PET: sigmoid of (x - smallest) / deviation of each image');
  }
  if (modality === 'CT' && upper > lower) {
    const range = `${shownNumber(lower)} .. ${shownNumber(upper)}`;
    return because(
      { mode: 'range-sigmoid', lower, upper },
      `CT: sigmoid of the range ${range}, percentiles 0.5 and 99.5 ${described}`,
    );
  }
  const why = modality === 'CT' ? 'foreground intensities are all equal, so no range: ' : '';
  return because({ mode: 'zscore-nonzero' }, `${modality}: ${why}z-score over the voxels that are not 0`);
}

function profileOf({ device, labels }: PlanInput, { workingMm, anisotropic }: SpacingPlan): DeviceProfile {
  return deviceProfile(device, { spacingMm: workingMm, anisotropic, classes: labels.length });
}

/** The network's options by Auto3DSeg's rules. */
function optionRules(input: PlanInput, spacing: SpacingPlan, patch: PatchPlan, profile: DeviceProfile) {
  return {
    init_filters: because(profile.initFilters, `${profile.described}: 32 as Auto3DSeg on a GPU, 16 on a CPU`),
    in_channels: because(channelsOf(input), 'channels of the images'),
    out_channels: outputsOf(input),
    norm: because('INSTANCE', 'Auto3DSeg: batches are too small for batch norm'),
    blocks_down: because(
      BLOCKS_DOWN[patch.levels - 1],
      `${patch.levels} levels: the patch can be halved ${patch.levels - 1} times`,
    ),
    dsdepth: because(4, 'Auto3DSeg: heads at up to 4 resolutions'),
    ...(spacing.anisotropic
      ? { resolution: because(spacing.workingMm, 'anisotropic voxels: fine axes are halved first (Auto3DSeg)') }
      : {}),
  };
}

/** The rule's patch, in multiples of what the network halves: the user's own blocks may need a coarser grid than the rule's levels. */
function patchRule({ patchSize, imageVoxels }: PatchPlan, divisor: Triple, profile: DeviceProfile): Reasoned<Triple> {
  const { patch, described } = profile;
  return because(
    perAxis((axis) => divisor[axis] * Math.max(1, Math.floor(patchSize[axis] / divisor[axis]))),
    `median image ${imageVoxels.join(' x ')} voxels, at most ${Math.round(patch.voxels)} voxels on ${described}, multiples of ${divisor.join(', ')}`,
  );
}

/** Weights of the heads, full resolution first: as many as the network has, by its options in the end. */
function headWeights(levels: number, dsdepth: unknown): Reasoned<number[]> {
  const heads = Math.max(1, Math.min(typeof dsdepth === 'number' ? dsdepth : 4, levels - 1));
  return because(
    Array.from({ length: heads }, (_, head) => Math.max(0.5 ** head, 0.0625)),
    `Auto3DSeg: halved from head to head; ${heads} heads for ${levels} levels`,
  );
}

/** Optimiser, schedule and loss. */
function trainingEntries(input: PlanInput, profile: DeviceProfile, steps: number, batchSize: number) {
  return {
    'training.optimizer': because('adamw', 'Auto3DSeg'),
    'training.learningRate': given(input.overrides.learningRate, () =>
      because(
        profile.learningRate,
        input.device.kind === 'cpu' ? 'short trainings of small networks on a CPU' : 'Auto3DSeg',
      ),
    ),
    'training.schedule': because('cosine', 'Auto3DSeg'),
    'training.momentum': because(0.99, "nnU-Net's (of SGD alone)"),
    'training.weightDecay': because(1e-5, 'Auto3DSeg'),
    'training.warmupSteps': because(
      warmupRule(steps, input.trainingCases, batchSize),
      `Auto3DSeg: ${WARMUP_EPOCHS} epochs, here at most a tenth of the steps`,
    ),
    'training.gradientClipNorm': because(
      GRADIENT_CLIP_NORM,
      'nnU-Net (Auto3DSeg clips nothing): a guard against one bad batch',
    ),
    'training.loss': lossEntry(
      input,
      AUTO3DSEG_LOSS,
      'Auto3DSeg: DiceCE with squared predictions, background included',
    ),
  };
}

function planSegresnet(input: PlanInput): Plan {
  const { overrides, labels, trainingCases } = input;
  const edited = overrides.plans?.[segresnet.name];
  if (edited !== undefined) {
    const plan = readEditedPlan(segresnet.name, edited, input.fold);
    checkPatch(plan.patchSize, divisorOfOptions(plan.network.options).divisor, 'plan.plans.segresnet.patchSize');
    return plan;
  }
  const channels = channelsOf(input);
  const spacing = planSpacing(input.summary, overrides.spacingMm);
  const profile = profileOf(input, spacing);
  const patch = planPatch(input.summary, spacing, profile.patch);
  const network = networkEntries(
    input,
    because('SegResNetDS', 'the network of the algorithm segresnet (MONAI SegResNetDS)'),
    optionRules(input, spacing, patch, profile),
  );
  const { divisor, levels } = divisorOfOptions({
    blocks_down: optionOf(network, 'blocks_down'),
    resolution: optionOf(network, 'resolution'),
  });
  const patchSize = given<Triple>(overrides.patchSize, () => patchRule(patch, divisor, profile));
  checkPatch(patchSize.value, divisor, 'plan.patchSize');
  const patchVoxels = volume(patchSize.value);
  const batchSize = given(overrides.batchSize, () =>
    because(
      profile.batchSize(patchVoxels, volume(patch.imageVoxels) * trainingCases),
      `${profile.described}, patches of ${patchVoxels} voxels`,
    ),
  );
  const steps = given(overrides.steps, () => stepsRule(trainingCases, batchSize.value));
  const plan = planOf({
    ...sharedEntries(input, segresnet.name, channels, steps.value, profile.checkpointEverySteps),
    'preprocessing.spacingMm': spacing.spacingMm,
    'preprocessing.normalization': normalizationEntry(input, normalizationOf, 'Auto3DSeg'),
    patchSize,
    batchSize,
    ...network,
    'training.steps': steps,
    ...trainingEntries(input, profile, steps.value, batchSize.value),
    'training.deepSupervisionWeights': headWeights(levels, optionOf(network, 'dsdepth')),
    'sampling.mode': cropRule(input, spacing.workingMm, patchSize.value),
    'sampling.classRatios': because(
      labels.map(() => 1 / labels.length),
      'Auto3DSeg: every class is equally often the centre of a patch, background included',
    ),
    augmentation: because(AUGMENTATION, "Auto3DSeg's default"),
    'inference.overlap': because(profile.overlap, `${profile.described}: 0.625 as Auto3DSeg on a GPU, 0.5 on a CPU`),
    'inference.windowBatchSize': because(profile.windowBatchSize, profile.described),
  });
  return mirrorIfLong(withGiven(plan, input), steps.value);
}

/** Auto3DSeg's SegResNet. */
export const segresnet: AlgorithmPlanner = {
  name: 'segresnet',
  title: 'SegResNet',
  // The fastest of the four: 23 s for 150 steps and a validation of the sample's five cases on two idle cores (25 November 2026).
  pace: 1,
  networkOptions: SEGRESNET_OPTIONS,
  hasEncoder: true,
  plan: planSegresnet,
  patchGrid: (plan) => gridOf(divisorOfOptions(plan.network.options).divisor),
  memory: segresnetMemory,
  ...planSpace({
    algorithm: 'segresnet',
    augmentation: true,
    ownKey: 'initFilters',
    own: (plan) =>
      (plan.network.options['init_filters'] as number) > 16 ? halfOrWhole(plan, 'initFilters', 'init_filters') : null,
  }),
  withSteps,
};
