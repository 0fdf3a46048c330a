import type { Modality } from '@voxhelm/contracts/dataset';
import type { Augmentation, Normalization, Plan } from '@voxhelm/contracts/plan';
import { checkPatch, perAxis, type Triple, volume } from '../axes.ts';
import { mirrorIfLong } from '../mirroring.ts';
import { gridOf } from '../patch-grid.ts';
import { withGiven } from '../plan-given.ts';
import {
  ALL_TRAINED,
  AUTO3DSEG_LOSS,
  because,
  type ChannelForeground,
  channelsOf,
  DRAWN,
  groupsEntry,
  ignoreEntry,
  lossEntry,
  modalitiesOf,
  normalizationEntry,
  outputsOf,
  shownNumber,
} from '../plan-of.ts';
import { GIVEN, given, type Reasoned, readEditedPlan } from '../plan-overrides.ts';
import { stepsRule, stopEarlyRule, VALIDATIONS, WARMUP_EPOCHS, warmupRule, withSteps } from '../plan-schedule.ts';
import { planSpace } from '../plan-space.ts';
import { type AlgorithmPlanner, type PlanInput, PRECISION_UNMEASURED } from '../planner.ts';
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

/** The network's options; the user's replace the rule's one by one. */
function planNetwork(input: PlanInput, spacing: SpacingPlan, patch: PatchPlan, channels: number) {
  const profile = profileOf(input, spacing);
  const rules: Record<string, [value: unknown, reason: string]> = {
    init_filters: [profile.initFilters, `${profile.described}: 32 as Auto3DSeg on a GPU, 16 on a CPU`],
    in_channels: [channels, 'channels of the images'],
    out_channels: [outputsOf(input).value, outputsOf(input).reason],
    norm: ['INSTANCE', 'Auto3DSeg: batches are too small for batch norm'],
    blocks_down: [
      [...(BLOCKS_DOWN[patch.levels - 1] ?? [])],
      `${patch.levels} levels: the patch can be halved ${patch.levels - 1} times`,
    ],
    dsdepth: [4, 'Auto3DSeg: heads at up to 4 resolutions'],
    ...(spacing.anisotropic
      ? {
          resolution: [[...spacing.workingMm], 'anisotropic voxels: fine axes are halved first (Auto3DSeg)'] as [
            unknown,
            string,
          ],
        }
      : {}),
  };
  const overrides = input.overrides.network ?? {};
  const options: Record<string, unknown> = {};
  const reasons: Record<string, string> = {
    'network.class': 'the network of the algorithm segresnet (MONAI SegResNetDS)',
  };
  for (const [key, [value, reason]] of Object.entries(rules)) {
    options[key] = value;
    reasons[`network.options.${key}`] = reason;
  }
  for (const [key, value] of Object.entries(overrides)) {
    options[key] = value;
    reasons[`network.options.${key}`] = GIVEN;
  }
  return { options, reasons };
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
  const modalities = modalitiesOf(input, channels);
  const normalization = normalizationEntry(input, modalities, normalizationOf, 'Auto3DSeg; pooled as nnU-Net');
  const spacing = planSpacing(input.summary, overrides.spacingMm);
  const profile = profileOf(input, spacing);
  const patch = planPatch(input.summary, spacing, profile.patch);
  const network = planNetwork(input, spacing, patch, channels);
  const { divisor, levels } = divisorOfOptions(network.options);
  const image = patch.imageVoxels.join(' x ');
  const patchSize = given<Triple>(overrides.patchSize, () => ({
    // The user's own blocks may need a coarser grid than the rule's levels.
    value: perAxis((axis) => divisor[axis] * Math.max(1, Math.floor(patch.patchSize[axis] / divisor[axis]))),
    reason: `median image ${image} voxels, at most ${Math.round(profile.patch.voxels)} voxels on ${profile.described}, multiples of ${divisor.join(', ')}`,
  }));
  checkPatch(patchSize.value, divisor, 'plan.patchSize');
  const batchSize = given(overrides.batchSize, () => ({
    value: profile.batchSize(volume(patchSize.value), volume(patch.imageVoxels) * trainingCases),
    reason: `${profile.described}, patches of ${volume(patchSize.value)} voxels`,
  }));
  const steps = given(overrides.steps, () => stepsRule(trainingCases, batchSize.value));
  const learningRate = given(overrides.learningRate, () => ({
    value: profile.learningRate,
    reason: input.device.kind === 'cpu' ? 'short trainings of small networks on a CPU' : 'Auto3DSeg',
  }));
  const validateEvery = given(overrides.validateEverySteps, () => ({
    value: Math.max(1, Math.ceil(steps.value / VALIDATIONS)),
    reason: `about ${VALIDATIONS} validations`,
  }));
  const checkpointEvery = given(overrides.checkpointEverySteps, () => ({
    value: profile.checkpointEverySteps,
    reason: `at most ${profile.checkpointEverySteps} steps are lost with a trainer`,
  }));
  const loss = lossEntry(input, AUTO3DSEG_LOSS, 'Auto3DSeg: DiceCE with squared predictions, background included');
  const stopEarly = stopEarlyRule(overrides.steps);
  const dsdepth = network.options['dsdepth'];
  const heads = Math.max(1, Math.min(typeof dsdepth === 'number' ? dsdepth : 4, levels - 1));
  const ratio = 1 / labels.length;
  const sampling = cropRule(input, spacing.workingMm, patchSize.value);
  const plan: Plan = {
    schemaVersion: 1,
    algorithm: segresnet.name,
    fold: input.fold,
    labels: labels.map(({ value, name }) => ({ value, name })),
    labelGroups: groupsEntry(input).value,
    ignoreLabel: ignoreEntry(input).value,
    modalities,
    preprocessing: { spacingMm: spacing.spacingMm.value, normalization: normalization.value },
    patchSize: [...patchSize.value],
    batchSize: batchSize.value,
    network: { class: 'SegResNetDS', options: network.options },
    training: {
      steps: steps.value,
      precision: 'float32',
      optimizer: 'adamw',
      learningRate: learningRate.value,
      schedule: 'cosine',
      momentum: 0.99,
      weightDecay: 1e-5,
      ema: null,
      accumulate: 1,
      recompute: 'none',
      augmentOn: 'loader',
      startFrom: null,
      freeze: 'none',
      stopEarly: stopEarly.value,
      warmupSteps: warmupRule(steps.value, trainingCases, batchSize.value),
      gradientClipNorm: GRADIENT_CLIP_NORM,
      loss: loss.value,
      deepSupervisionWeights: Array.from({ length: heads }, (_, head) => Math.max(0.5 ** head, 0.0625)),
      validateEverySteps: validateEvery.value,
      checkpointEverySteps: checkpointEvery.value,
    },
    sampling: { mode: sampling.value, classRatios: labels.map(() => ratio) },
    augmentation: structuredClone([...AUGMENTATION]),
    inference: {
      overlap: profile.overlap,
      mode: 'gaussian',
      sigmaScale: 0.125,
      windowBatchSize: profile.windowBatchSize,
    },
    reasons: {
      algorithm: "the run's algorithms",
      fold: 'the fold that this bundle is for',
      labels: "the dataset's labels, or the request's",
      labelGroups: groupsEntry(input).reason,
      ignoreLabel: ignoreEntry(input).reason,
      modalities: "the dataset's modality, or the request's",
      'preprocessing.spacingMm': spacing.spacingMm.reason,
      'preprocessing.normalization': normalization.reason,
      patchSize: patchSize.reason,
      batchSize: batchSize.reason,
      ...network.reasons,
      'training.steps': steps.reason,
      'training.precision': PRECISION_UNMEASURED,
      'training.optimizer': 'Auto3DSeg',
      'training.learningRate': learningRate.reason,
      'training.schedule': 'Auto3DSeg',
      'training.momentum': "nnU-Net's (of SGD alone)",
      'training.weightDecay': 'Auto3DSeg',
      'training.ema': 'Auto3DSeg keeps the weights themselves',
      'training.accumulate': 'every batch makes a step',
      'training.recompute': 'nothing is computed twice where memory is not short',
      'training.augmentOn': "the loader's threads work while the device computes",
      'training.startFrom': DRAWN,
      'training.freeze': ALL_TRAINED,
      'training.stopEarly': stopEarly.reason,
      'training.warmupSteps': `Auto3DSeg: ${WARMUP_EPOCHS} epochs, here at most a tenth of the steps`,
      'training.gradientClipNorm': 'nnU-Net (Auto3DSeg clips nothing): a guard against one bad batch',
      'training.loss': loss.reason,
      'training.deepSupervisionWeights': `Auto3DSeg: halved from head to head; ${heads} heads for ${levels} levels`,
      'training.validateEverySteps': validateEvery.reason,
      'training.checkpointEverySteps': checkpointEvery.reason,
      'sampling.mode': sampling.reason,
      'sampling.classRatios': 'Auto3DSeg: every class is equally often the centre of a patch, background included',
      augmentation: "Auto3DSeg's default",
      'inference.overlap': `${profile.described}: 0.625 as Auto3DSeg on a GPU, 0.5 on a CPU`,
      'inference.mode': 'Auto3DSeg',
      'inference.sigmaScale': "MONAI's default",
      'inference.windowBatchSize': profile.described,
    },
  };
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
    widthKey: 'initFilters',
    width: (plan) => {
      const filters = plan.network.options['init_filters'] as number;
      return filters > 16 ? { key: 'initFilters', option: 'init_filters', values: [filters / 2, filters] } : null;
    },
  }),
  withSteps,
};
