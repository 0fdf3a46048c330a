import { describe, expect, test } from 'vitest';
import { ABDOMEN, BRAIN, gpu, HIPPOCAMPUS, planInput } from '../planning-fixtures.ts';
import { unet } from './plan.ts';
import { featureMapVoxels, featuresOf, planUnet, topologyOf } from './topology.ts';

/** Half of it counts, for single precision: nnU-Net's default of 8 GB. */
const GPU = gpu(16);

test("the sample data on a GPU: nnU-Net's own plan of its 3-D network (reference/nnunet-plans.json)", () => {
  const plan = unet.plan(planInput({ ...HIPPOCAMPUS, cases: 200 }, { device: GPU }));
  expect(plan.patchSize).toEqual([40, 56, 40]);
  expect(plan.batchSize).toBe(7);
  expect(plan.preprocessing).toEqual({
    spacingMm: null,
    interpolation: 'spline',
    normalization: [{ mode: 'zscore' }],
  });
  expect(plan.network).toEqual({
    class: 'PlainConvUNet',
    options: {
      n_stages: 4,
      features_per_stage: [32, 64, 128, 256],
      conv_op: 'torch.nn.modules.conv.Conv3d',
      kernel_sizes: Array(4).fill([3, 3, 3]),
      strides: [[1, 1, 1], ...Array(3).fill([2, 2, 2])],
      n_conv_per_stage: [2, 2, 2, 2],
      n_conv_per_stage_decoder: [2, 2, 2],
      conv_bias: true,
      norm_op: 'torch.nn.modules.instancenorm.InstanceNorm3d',
      norm_op_kwargs: { eps: 1e-5, affine: true },
      nonlin: 'torch.nn.LeakyReLU',
      input_channels: 1,
      num_classes: 3,
      deep_supervision: true,
    },
  });
  expect(plan.training).toMatchObject({
    optimizer: 'sgd-nesterov',
    learningRate: 0.01,
    momentum: 0.99,
    weightDecay: 3e-5,
    schedule: 'polynomial',
    steps: 250_000,
    warmupSteps: 0,
    gradientClipNorm: 12,
    deepSupervisionWeights: [2 / 3, 1 / 3, 0],
  });
});

test('on a CPU: half the features, two patches of at most 48^3 voxels, AdamW', () => {
  const plan = unet.plan(planInput(HIPPOCAMPUS));
  expect(plan).toMatchObject({ patchSize: [40, 56, 40], batchSize: 2, training: { optimizer: 'adamw' } });
  expect(plan.network.options['features_per_stage']).toEqual([16, 32, 64, 128]);
  const [x, y, z] = unet.plan(planInput(BRAIN)).patchSize;
  expect(x * y * z).toBeLessThanOrEqual(48 ** 3);
});

test('thick slices: the plane is halved first, with flat kernels until spacings are alike', () => {
  const plan = unet.plan(planInput(ABDOMEN, { device: GPU }));
  expect(plan.preprocessing.spacingMm).toEqual([0.8, 0.8, 3]);
  const { strides, kernel_sizes: kernels } = plan.network.options as { strides: number[][]; kernel_sizes: number[][] };
  expect(strides.slice(0, 3)).toEqual([
    [1, 1, 1],
    [2, 2, 1],
    [2, 2, 2],
  ]);
  expect(kernels.slice(0, 2)).toEqual([
    [3, 3, 1],
    [3, 3, 3],
  ]);
  expect(plan.batchSize).toBe(2);
});

describe('topology', () => {
  test("memory is estimated as nnU-Net's compute_conv_feature_map_size", () => {
    const topology = topologyOf([128, 128, 128], [1, 1, 1]);
    expect(topology.strides).toHaveLength(6);
    expect(featuresOf(6, 32)).toEqual([32, 64, 128, 256, 320, 320]);
    // 2 convolutions down, 3 maps up, the finest head: reckoned by hand from the package's rule.
    expect(featureMapVoxels(topology, featuresOf(6, 32), 3)).toBe(452_796_416);
  });

  test('a patch is padded to its halvings, and a single long axis is not halved to its last', () => {
    expect(topologyOf([36, 50, 35], [1, 1, 1])).toMatchObject({ patchSize: [40, 56, 40], divisor: [8, 8, 8] });
    expect(topologyOf([7, 7, 11], [1, 1, 1])).toMatchObject({ strides: [[1, 1, 1]], kernels: [[3, 3, 3]] });
  });

  test('more memory never gives a smaller patch or batch, and what is planned fits', () => {
    const problem = {
      spacingMm: [0.8, 0.8, 2.5] as [number, number, number],
      medianVoxels: [512, 512, 160] as [number, number, number],
      trainingCases: 100,
      classes: 3,
      baseFeatures: 32,
      mostVoxels: Number.POSITIVE_INFINITY,
    };
    const plans = [4, 8, 16, 40, 80].map((memoryGb) => planUnet({ ...problem, memoryGb }));
    const work = plans.map(({ topology, batchSize }) => batchSize * topology.patchSize.reduce((p, n) => p * n, 1));
    expect([...work].sort((a, b) => a - b)).toEqual(work);
    for (const { estimate, reference } of plans) expect(estimate).toBeLessThanOrEqual(reference);
  });
});
