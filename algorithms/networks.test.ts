import { openProgram } from '@voxhelm/nn/compiled/program';
import { type Tensor5D, tf } from '@voxhelm/nn/engine';
import { initialParameters } from '@voxhelm/nn/initialize';
import { createOptimizer, startingState } from '@voxhelm/nn/optimizers/create-optimizer';
import { createTrainStep } from '@voxhelm/nn/train-step';
import { disposeParameters, storeParameters } from '@voxhelm/nn/weights';
import { describe, expect, test } from 'vitest';
import { networkOf } from './networks.ts';

/*
 * Each network as one compiled graph: that every op it is made of, and every gradient, has its place there, in both precisions.
 */

const UNET = {
  input_channels: 1,
  num_classes: 3,
  n_stages: 3,
  features_per_stage: [4, 8, 8],
  kernel_sizes: [[1, 3, 3], 3, 3],
  strides: [1, [1, 2, 2], 2],
  n_conv_per_stage_decoder: 1,
  conv_bias: true,
  norm: 'instance affine eps 1e-5',
  activation: 'leaky relu 0.01',
  deep_supervision: true,
};

const NETWORKS = [
  [
    'SegResNetDS',
    { init_filters: 4, out_channels: 3, blocks_down: [1, 1], norm: 'BATCH', upsample_mode: 'pixelshuffle' },
    [8, 8, 8],
  ],
  [
    'SegResNetDS',
    {
      init_filters: 4,
      out_channels: 3,
      blocks_down: [1, 1],
      norm: ['GROUP', { num_groups: 2 }],
      upsample_mode: 'nontrainable',
      act: 'leakyrelu',
    },
    [8, 8, 8],
  ],
  ['PlainConvUNet', { ...UNET, n_conv_per_stage: 1 }, [8, 16, 16]],
  ['ResidualEncoderUNet', { ...UNET, n_blocks_per_stage: 1 }, [8, 16, 16]],
  [
    'SwinUNETR',
    {
      in_channels: 1,
      out_channels: 3,
      feature_size: 12,
      depths: [2, 1, 1, 1],
      window_size: 4,
      mlp_ratio: 1,
      use_v2: true,
    },
    [64, 32, 32],
  ],
] as const;

const OPTIMIZER = { name: 'adamw', learningRate: 1e-3, weightDecay: 0 } as const;

describe.each(NETWORKS)('%s compiled', (name, options, patchSize) => {
  const network = networkOf({ class: name, options });
  const weights = [1, 0.5].slice(0, network.heads);
  const plan = {
    gradientClipNorm: 12,
    deepSupervisionWeights: weights,
    loss: { name: 'DiceCELoss', options: { to_onehot_y: true, softmax: true } },
  } as const;
  const voxels = patchSize[0] * patchSize[1] * patchSize[2];
  const classes = Int32Array.from({ length: voxels }, (_, voxel) => (voxel >> 3) % 3);
  const image = Float32Array.from(classes, (value, voxel) => value + 0.1 * Math.sin(voxel));

  /** Losses of two eager steps. */
  function eager(): number[] {
    const parameters = initialParameters(network, 1);
    const optimizer = createOptimizer(OPTIMIZER, startingState(OPTIMIZER, parameters));
    const step = createTrainStep(network, plan);
    const x = tf.tensor(image, [1, ...patchSize, 1]) as Tensor5D;
    const y = tf.tensor(classes, [1, ...patchSize], 'int32');
    const losses = [1, 2].map((t) => {
      const loss = step(optimizer, [{ image: x, classes: y, seed: null }], { step: t, learningRate: 1e-3 });
      const value = loss.dataSync()[0] as number;
      loss.dispose();
      return value;
    });
    optimizer.dispose();
    tf.dispose([x, y]);
    return losses;
  }

  function compiled(precision: 'float32' | 'bfloat16'): number[] {
    const training = { batchSize: 1, accumulate: 1, ema: null, optimizer: OPTIMIZER, plan };
    const program = openProgram({ network, precision, patchSize: [...patchSize], windowBatches: [1], training });
    const parameters = initialParameters(network, 1);
    const values = new Map(
      [...storeParameters(network, parameters)].map(([key, { data }]) => [key, data as Float32Array]),
    );
    const zeros = new Map([...values].map(([key, { length }]) => [key, new Float32Array(length)]));
    for (const group of program.groups) program.assign(group, group === 'weights' ? values : zeros);
    disposeParameters(parameters);
    const losses = [1, 2].map((t) => {
      program.step([{ image, classes }], { step: t, learningRate: 1e-3, seed: 1 });
      return program.status().loss;
    });
    program.dispose();
    return losses;
  }

  test('two steps as the eager ones, nearly so in bfloat16', () => {
    const [first, second] = eager() as [number, number];
    const full = compiled('float32');
    expect(full[0]).toBeCloseTo(first, 4);
    expect(full[1]).toBeCloseTo(second, 3);
    const half = compiled('bfloat16');
    expect(Math.abs((half[0] as number) - first)).toBeLessThan(0.05 * first);
    expect(Math.abs((half[1] as number) - second)).toBeLessThan(0.05 * second);
  }, 180_000);
});
