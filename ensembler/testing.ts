import { networkOf } from '@voxhelm/algorithms/networks';
import type { BundleManifest } from '@voxhelm/contracts/ensemble';
import type { Plan } from '@voxhelm/contracts/plan';
import { initialValues } from '@voxhelm/nn/initialize';
import { encodeSafetensors } from '@voxhelm/nn/weights';
import { type BundleFiles, type ManifestDraft, memberPath } from './bundle-write.ts';

/*
 * Small but real material for tests and benchmarks: plans, weights and bundles of untrained SegResNets.
 */

/** What may be chosen of {@link tinyPlan}. */
export interface TinyOptions {
  readonly fold?: number;
  readonly filters?: number;
  readonly patchSize?: [number, number, number];
  readonly channels?: number;
  readonly spacingMm?: [number, number, number] | null;
}

/** The plan of a SegResNet of a few thousand parameters for the sample dataset's labels. */
export function tinyPlan(options: TinyOptions = {}): Plan {
  const { fold = 0, filters = 8, patchSize = [32, 32, 32], channels = 1, spacingMm = null } = options;
  return {
    schemaVersion: 1,
    algorithm: 'segresnet',
    fold,
    labels: [
      { value: 0, name: 'background' },
      { value: 1, name: 'Anterior' },
      { value: 2, name: 'Posterior' },
    ],
    labelGroups: null,
    ignoreLabel: null,
    modalities: Array.from({ length: channels }, () => 'MRI' as const),
    preprocessing: {
      spacingMm,
      normalization: Array.from({ length: channels }, () => ({ mode: 'zscore-nonzero' as const })),
    },
    patchSize,
    batchSize: 1,
    network: {
      class: 'SegResNetDS',
      options: {
        init_filters: filters,
        blocks_down: [1, 1],
        norm: 'INSTANCE',
        in_channels: channels,
        out_channels: 3,
        dsdepth: 1,
      },
    },
    training: {
      steps: 10,
      precision: 'float32',
      optimizer: 'adamw',
      learningRate: 2e-4,
      schedule: 'cosine',
      momentum: 0.99,
      weightDecay: 1e-5,
      ema: null,
      accumulate: 1,
      recompute: 'none',
      augmentOn: 'loader',
      startFrom: null,
      freeze: 'none',
      stopEarly: null,
      warmupSteps: 1,
      gradientClipNorm: 1,
      loss: { name: 'DiceCELoss', options: {} },
      deepSupervisionWeights: [1],
      validateEverySteps: 5,
      checkpointEverySteps: 5,
    },
    sampling: { mode: 'class', classRatios: [1, 1, 1] },
    augmentation: [{ name: 'flip', probability: 0.5, axes: [0] }],
    inference: { overlap: 0.5, mode: 'gaussian', sigmaScale: 0.125, windowBatchSize: 1 },
    reasons: {},
  };
}

/** Untrained weights of a plan's network, the same for the same seed: safetensors under MONAI's names. */
export function randomWeights(plan: Plan, seed: number): Uint8Array {
  const specs = [...networkOf(plan.network).specs].sort((a, b) => (a.name < b.name ? -1 : 1));
  return encodeSafetensors(
    new Map(specs.map((spec) => [spec.name, { dtype: 'F32', shape: spec.shape, data: initialValues(spec, seed) }])),
    { format: 'pt' },
  );
}

/** A bundle's manifest and files, of one untrained member per plan. */
export function tinyBundle(
  plans: readonly Plan[],
  fusion: BundleManifest['fusion'] = { mode: 'mean', flips: [], largestComponent: [] },
): { draft: ManifestDraft; files: BundleFiles } {
  const [first] = plans;
  if (first === undefined) throw new RangeError('a bundle has at least one member');
  const members = plans.map((plan, index) => ({
    trialId: `trial-${index}`,
    algorithm: plan.algorithm,
    fold: plan.fold,
    step: 10,
    validationDice: 0.5,
    weights: memberPath(index, plan.algorithm, plan.fold),
    plan,
  }));
  const chosen = {
    rule: 'best-n' as const,
    n: plans.length,
    fusion,
    trialIds: members.map((member) => member.trialId),
    validationDice: 0.5,
    validationCases: 2,
  };
  return {
    draft: {
      schemaVersion: 1,
      kind: 'voxhelm-ensemble-bundle',
      name: 'tiny',
      createdAt: '2026-11-24T00:00:00.000Z',
      labels: first.labels,
      modalities: first.modalities,
      datasetFingerprint: 'ab'.repeat(32),
      members,
      fusion,
      ensemble: { schemaVersion: 1, chosen, candidates: [chosen] },
      test: null,
      seed: 0,
      versions: { voxhelm: '0.1.0' },
    },
    files: new Map<string, Uint8Array>([
      ['report.html', Buffer.from('<!doctype html><title>tiny</title>')],
      ['LICENSES/README.txt', Buffer.from('read me\n')],
      ...members.map((member, index): [string, Uint8Array] => [member.weights, randomWeights(member.plan, index)]),
    ]),
  };
}
