import type { VoxhelmError } from '@voxhelm/contracts/errors';
import type { PlanOverrides } from '@voxhelm/contracts/run';
import { expect, test } from 'vitest';
import {
  ABDOMEN,
  BRAIN,
  CPU,
  gpu,
  HIPPOCAMPUS,
  type MadeUpDataset,
  madeUpSummary,
  planInput,
} from '../planning-fixtures.ts';
import { segresnet } from './plan.ts';

/** A GPU on which single precision has what Auto3DSeg's smallest GPU has in half precision. */
const GPU = gpu(32);

function refusal(overrides: PlanOverrides): VoxhelmError {
  try {
    segresnet.plan(planInput(HIPPOCAMPUS, { overrides }));
  } catch (error) {
    return error as VoxhelmError;
  }
  throw new Error('the override was taken');
}

test('the sample dataset on a CPU: a small network on 32 x 48 x 32 patches', () => {
  const plan = segresnet.plan(planInput(HIPPOCAMPUS));
  expect(plan).toMatchObject({
    patchSize: [32, 48, 32],
    batchSize: 2,
    preprocessing: { spacingMm: null, normalization: [{ mode: 'zscore-nonzero' }] },
    network: {
      class: 'SegResNetDS',
      options: { init_filters: 16, in_channels: 1, out_channels: 3, blocks_down: [1, 2, 2, 4], norm: 'INSTANCE' },
    },
    training: {
      learningRate: 1e-3,
      weightDecay: 1e-5,
      steps: 15_000,
      warmupSteps: 36,
      deepSupervisionWeights: [1, 0.5, 0.25],
    },
    inference: { overlap: 0.5, mode: 'gaussian' },
  });
  expect(plan.network.options).not.toHaveProperty('resolution');
});

test("thick CT slices: Auto3DSeg's flat patch and anisotropic network, foreground range, slices at the 10th percentile", () => {
  const plan = segresnet.plan(planInput(ABDOMEN, { device: GPU }));
  expect(plan.preprocessing.spacingMm).toEqual([0.8, 0.8, 3]);
  expect(plan.preprocessing.normalization).toEqual([{ mode: 'range-sigmoid', lower: -160, upper: 240 }]);
  expect(plan.network.options).toMatchObject({
    resolution: [0.8, 0.8, 3],
    blocks_down: [1, 2, 2, 4, 4],
    init_filters: 32,
  });
  // log2(3 / 0.8) = 1.9: slices are halved once less than the plane, so 16, 16, 8.
  expect(plan.patchSize).toEqual([224, 224, 144]);
  expect(plan.inference.overlap).toBe(0.625);
  expect(plan.training.learningRate).toBe(2e-4);
});

test('the same CT on a CPU keeps the flat shape within 48^3 voxels', () => {
  const { patchSize, network } = segresnet.plan(planInput(ABDOMEN));
  const [x, y, z] = patchSize;
  expect(x * y * z).toBeLessThanOrEqual(48 ** 3);
  expect(x).toBe(y);
  expect(z).toBeLessThan(x);
  expect(network.options['blocks_down']).toEqual([1, 2, 2, 4]);
});

test('four channels of MR: one normalisation a channel, a cube on a CPU', () => {
  const plan = segresnet.plan(planInput(BRAIN));
  expect(plan.preprocessing.normalization).toHaveLength(4);
  expect(plan.modalities).toEqual(['MRI', 'MRI', 'MRI', 'MRI']);
  expect(plan.patchSize).toEqual([48, 48, 48]);
  expect(plan.network.options).toMatchObject({ in_channels: 4, out_channels: 4 });
  expect(() => segresnet.plan(planInput(BRAIN, { modalities: ['CT', 'MRI'] }))).toThrow(/2 modalities.*4 channels/);
});

test('a larger GPU takes more patches in a batch, a smaller one a smaller patch; small images do not explode either', () => {
  const batch = (memoryGb: number) => segresnet.plan(planInput(BRAIN, { device: gpu(memoryGb) }));
  expect(batch(32)).toMatchObject({ patchSize: [224, 224, 144], batchSize: 1 });
  expect(batch(160).batchSize).toBe(5);
  const small = batch(16).patchSize;
  expect(small[0] * small[1] * small[2]).toBeLessThanOrEqual((224 * 224 * 144) / 2);
  // Auto3DSeg's own rule gives 4704 filters and batches of 242 here.
  const tiny = segresnet.plan(planInput(HIPPOCAMPUS, { device: gpu(80) }));
  expect(tiny.network.options['init_filters']).toBe(32);
  expect(tiny.batchSize).toBeLessThanOrEqual(8);
});

test('sagittal slices are treated as thick slices, not as thin ones to be blurred', () => {
  const sagittal: MadeUpDataset = {
    ...ABDOMEN,
    voxels: [
      [60, 256, 256],
      [60, 256, 256],
      [60, 256, 256],
    ],
    spacingMm: [
      [4, 0.8, 0.8],
      [4, 0.8, 0.8],
      [4, 0.8, 0.8],
    ],
  };
  const plan = segresnet.plan(planInput(sagittal, { device: GPU }));
  expect(plan.preprocessing.spacingMm).toBeNull();
  expect(plan.network.options['resolution']).toEqual([4, 0.8, 0.8]);
});

test('an image smaller than any patch is planned with two cells at the bottom, to be padded', () => {
  const tiny: MadeUpDataset = {
    ...HIPPOCAMPUS,
    voxels: [
      [9, 9, 5],
      [9, 9, 5],
      [9, 9, 5],
    ],
  };
  const { patchSize, network } = segresnet.plan(planInput(tiny));
  const levels = (network.options['blocks_down'] as number[]).length;
  for (const size of patchSize) expect(size % 2 ** (levels - 1)).toBe(0);
  expect(levels).toBe(2);
});

test('what the user gives is used, marked, and neither searched nor changed', () => {
  const overrides = {
    spacingMm: [1.5, 1.5, 1.5] as [number, number, number],
    patchSize: [24, 24, 24] as [number, number, number],
    batchSize: 3,
    steps: 90,
    learningRate: 5e-4,
    validateEverySteps: 30,
    checkpointEverySteps: 10,
    network: { init_filters: 8 },
  };
  const plan = segresnet.plan(planInput(HIPPOCAMPUS, { overrides }));
  expect(plan).toMatchObject({
    preprocessing: { spacingMm: [1.5, 1.5, 1.5] },
    patchSize: [24, 24, 24],
    batchSize: 3,
    network: { options: { init_filters: 8 } },
    training: { steps: 90, learningRate: 5e-4, validateEverySteps: 30, checkpointEverySteps: 10, warmupSteps: 9 },
  });
  for (const path of [
    'preprocessing.spacingMm',
    'patchSize',
    'batchSize',
    'training.steps',
    'network.options.init_filters',
  ]) {
    expect(plan.reasons[path]).toBe('given by the user');
  }
  expect(Object.keys(segresnet.space(plan))).toEqual(['weightDecay', 'augmentation']);
  expect(segresnet.withSteps(plan, 60, 20).training.validateEverySteps).toBe(30);
});

test('a patch that cannot be halved is refused with the nearest that can', () => {
  const error = refusal({ patchSize: [30, 48, 33] });
  expect(error.message).toMatch(/30 x 48 x 33.*multiples of 8, 8, 8/);
  expect(error.fix).toBe('Use 32 x 48 x 32, the nearest that works.');
  expect(error.details).toMatchObject({ field: 'plan.patchSize' });
  expect(refusal({ network: { blocks_down: 'many' } }).details).toMatchObject({ field: 'plan.network.blocks_down' });
});

test("with the user's own blocks the patch follows their levels", () => {
  const plan = segresnet.plan(planInput(HIPPOCAMPUS, { overrides: { network: { blocks_down: [1, 2, 2, 4, 4] } } }));
  expect(plan.patchSize).toEqual([32, 48, 32]);
  expect(plan.training.deepSupervisionWeights).toEqual([1, 0.5, 0.25, 0.125]);
});

test('an edited plan is used as it is, for whichever fold; a damaged one is refused by field', () => {
  const edited = { ...segresnet.plan(planInput(BRAIN)), batchSize: 7 };
  const stored = JSON.parse(JSON.stringify(edited));
  const plan = segresnet.plan(planInput(HIPPOCAMPUS, { fold: 3, overrides: { plans: { segresnet: stored } } }));
  expect(plan).toEqual({ ...edited, fold: 3 });
  expect(refusal({ plans: { segresnet: { ...stored, batchSize: 0 } } }).message).toMatch(/batchSize/);
  expect(refusal({ plans: { segresnet: { ...stored, colour: 1 } } }).message).toMatch(/colour/);
  const preprocessing = { ...edited.preprocessing, spacingMm: [1, 1, 0] };
  expect(refusal({ plans: { segresnet: { ...stored, preprocessing } } }).message).toMatch(/spacingMm/);
  expect(refusal({ plans: { segresnet: { ...stored, algorithm: 'dints' } } }).message).toMatch(/a plan of "dints"/);
  expect(refusal({ plans: { segresnet: { ...stored, patchSize: [47, 48, 48] } } }).fix).toMatch(/48 x 48 x 48/);
});

test("a search's point changes exactly what it names, with the reason", () => {
  const plan = segresnet.plan(planInput(HIPPOCAMPUS));
  const configured = segresnet.configure(plan, {
    algorithm: 'segresnet',
    'segresnet.learningRate': 2e-3,
    'segresnet.augmentation': 'strong',
    'segresnet.weightDecay': plan.training.weightDecay,
  });
  expect(configured.training).toEqual({ ...plan.training, learningRate: 2e-3 });
  expect(configured.reasons['training.learningRate']).toContain('0.002');
  expect(configured.reasons['training.weightDecay']).toBe(plan.reasons['training.weightDecay']);
  const affine = configured.augmentation.find((one) => one.name === 'affine');
  expect(affine?.probability).toBeCloseTo(0.3, 12);
  expect(configured.augmentation.at(-1)).toEqual(plan.augmentation.at(-1));
  expect(() => segresnet.configure(plan, { 'segresnet.momentum': 1 })).toThrow(/"segresnet.momentum" is not searched/);
  expect(() => segresnet.configure(plan, { 'segresnet.augmentation': 'wild' })).toThrow(/cannot be "wild"/);
});

test('a CT whose foreground is constant says why it has no range', () => {
  const flat = { ...ABDOMEN, foreground: [5, 5] as const };
  const plan = segresnet.plan(planInput(ABDOMEN, { summary: madeUpSummary(flat), device: CPU }));
  expect(plan.preprocessing.normalization).toEqual([{ mode: 'zscore-nonzero' }]);
  expect(plan.reasons['preprocessing.normalization']).toMatch(/all equal/);
});
