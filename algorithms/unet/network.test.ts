import { type Tensor5D, tf } from '@voxhelm/nn/engine';
import { initialParameters } from '@voxhelm/nn/initialize';
import { disposeParameters } from '@voxhelm/nn/weights';
import { describe, expect, test } from 'vitest';
import { networkOf } from '../networks.ts';
import { HIPPOCAMPUS, planInput } from '../planning-fixtures.ts';
import { unet } from './plan.ts';

const ARCHITECTURE = {
  n_stages: 3,
  features_per_stage: [4, 8, 8],
  conv_op: 'torch.nn.modules.conv.Conv3d',
  kernel_sizes: [[1, 3, 3], 3, 3],
  strides: [1, [1, 2, 2], [2, 2, 2]],
  n_conv_per_stage: 2,
  n_conv_per_stage_decoder: [2, 1],
  conv_bias: true,
  norm_op: 'torch.nn.modules.instancenorm.InstanceNorm3d',
  norm_op_kwargs: { eps: 1e-5, affine: true },
  dropout_op: null,
  dropout_op_kwargs: null,
  nonlin: 'torch.nn.LeakyReLU',
  nonlin_kwargs: { inplace: true },
  input_channels: 1,
  num_classes: 2,
  deep_supervision: true,
};

function plain(changes: Record<string, unknown> = {}) {
  return networkOf({ class: 'PlainConvUNet', options: { ...ARCHITECTURE, ...changes } });
}

describe('PlainConvUNet', () => {
  test("takes the arch_kwargs of nnU-Net's plans.json, and knows its divisor and heads", () => {
    expect(plain()).toMatchObject({ inChannels: 1, outChannels: 2, heads: 2, divisor: [2, 4, 4] });
    expect(plain({ deep_supervision: false }).heads).toBe(1);
    const kernels = plain().specs.find(({ name }) => name === 'decoder.stages.1.convs.0.conv.weight');
    expect(kernels?.shape).toEqual([4, 8, 1, 3, 3]);
  });

  test('has heads of every resolution as parameters whether they are supervised or not', () => {
    const names = (network: ReturnType<typeof plain>) => network.specs.map(({ name }) => name);
    expect(names(plain({ deep_supervision: false }))).toEqual(names(plain()));
  });

  test.each([
    ['conv_op', 'torch.nn.modules.conv.Conv2d'],
    ['norm_op', 'torch.nn.BatchNorm3d'],
    ['norm_op_kwargs', { momentum: 0.1 }],
    ['norm', 'group 8'],
    ['norm', 'instance affine'], // beside norm_op, which would be passed over
    ['activation', 'relu'], // beside nonlin
    ['dropout_op', 'torch.nn.Dropout3d'],
    ['nonlin_kwargs', { colour: 1 }],
    ['kernel_sizes', [2, 3, 3]],
    ['strides', [2, 2, 2]],
    ['features_per_stage', [4, 8]],
    ['n_stages', 1],
    ['n_blocks_per_stage', 2],
    ['deep_supervision', 'yes'],
  ])('refuses %s = %j by its name', (option, value) => {
    const name = option === 'nonlin_kwargs' ? 'colour' : option;
    expect(() => plain({ [option]: value })).toThrow(new RegExp(name));
  });
});

test('a network in the plane is one whose kernels and strides are 1 along the slices, on patches of one slice', () => {
  const network = {
    n_stages: 3,
    features_per_stage: [4, 8, 8],
    kernel_sizes: [3, 3, 3].map((size) => [size, size, 1]),
    strides: [1, 2, 2].map((step) => [step, step, 1]),
    n_conv_per_stage: 2,
    n_conv_per_stage_decoder: 2,
  };
  const plan = unet.plan(planInput(HIPPOCAMPUS, { overrides: { patchSize: [16, 24, 1], network } }));
  const built = networkOf(plan.network);
  expect(built.divisor).toEqual([4, 4, 1]);
  expect(built.specs.every(({ shape }) => shape[4] === undefined || shape[4] === 1)).toBe(true);
  const parameters = initialParameters(built, 1);
  const image = tf.randomNormal([1, ...plan.patchSize, 1], 0, 1, 'float32', 1) as Tensor5D;
  const heads = tf.tidy(() =>
    built.forward(parameters, image, { training: true, seed: null }).map(({ shape }) => shape),
  );
  expect(heads).toEqual([
    [1, 16, 24, 1, 3],
    [1, 8, 12, 1, 3],
  ]);
  disposeParameters(parameters);
  image.dispose();
});

describe('ResidualEncoderUNet', () => {
  const { n_conv_per_stage: _, ...common } = ARCHITECTURE;
  const residual = (changes: Record<string, unknown> = {}) =>
    networkOf({ class: 'ResidualEncoderUNet', options: { ...common, n_blocks_per_stage: [1, 2, 2], ...changes } });

  test('projects a skip where a block widens, behind its pooling where it has a stride', () => {
    const skips = residual({ stem_channels: 8 }).specs.filter(({ name }) => name.includes('.skip.'));
    expect(skips.map(({ name }) => name).filter((name) => name.endsWith('conv.weight'))).toEqual([
      'encoder.stages.0.blocks.0.skip.0.conv.weight',
      'encoder.stages.1.blocks.0.skip.1.conv.weight',
    ]);
  });

  test.each([
    ['block', 'BottleneckD'],
    ['bottleneck_channels', [4, 4, 4]],
    ['nonlin_first', true],
  ])('refuses %s = %j by its name', (option, value) => {
    expect(() => residual({ [option]: value })).toThrow(new RegExp(option));
  });
});
