import { LossConfig } from '@voxhelm/contracts/plan';
import { expect, test } from 'vitest';
import { type Tensor5D, tf } from '../engine.ts';
import { initialParameters, initialValues } from '../initialize.ts';
import type { Network } from '../network.ts';
import { lossAndGradients } from '../train-step.ts';
import { openProgram } from './program.ts';

/** One convolution with two heads, the second at half the size: deep supervision around any loss. */
const network: Network = {
  class: 'Tiny',
  options: {},
  inChannels: 1,
  outChannels: 3,
  heads: 2,
  divisor: [2, 2, 2],
  specs: [{ name: 'head.weight', shape: [3, 1, 3, 3, 3], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 27 } }],
  forward: (parameters, x, { training }) => {
    const kernel = parameters.get('head.weight') as Tensor5D;
    const full = tf.conv3d(x, kernel, 1, 'same') as Tensor5D;
    return training ? [full, tf.conv3d(x, kernel, 2, 'same') as Tensor5D] : [full];
  },
};

/** All that a request may choose, with options that change what is computed. */
const CHOICES = [
  { name: 'DiceLoss', options: { softmax: true, jaccard: true, include_background: false } },
  { name: 'DiceCELoss', options: { softmax: true, label_smoothing: 0.1, batch: true } },
  { name: 'DiceFocalLoss', options: { softmax: true, gamma: 1.5 } },
  { name: 'GeneralizedDiceLoss', options: { softmax: true } },
  { name: 'GeneralizedDiceLoss', options: { softmax: true, w_type: 'simple', batch: true } },
  { name: 'TverskyLoss', options: { softmax: true, alpha: 0.3, beta: 0.7 } },
  { name: 'FocalLoss', options: { use_softmax: true, alpha: 0.75 } },
  { name: 'FocalLoss', options: { gamma: 2, include_background: false } },
];

test.each(CHOICES)('$name $options trains compiled as it does eagerly, deeply supervised', (choice) => {
  const plan = { loss: LossConfig.parse(choice), deepSupervisionWeights: [1, 0.5], gradientClipNorm: null };
  const classes = Int32Array.from({ length: 512 }, (_, voxel) => (voxel % 7 === 0 ? 1 : voxel % 11 === 0 ? 2 : 0));
  const image = Float32Array.from(classes, (inside, voxel) => inside + 0.1 * Math.sin(voxel));
  const eager = tf.tidy(() =>
    lossAndGradients(network, plan)(
      initialParameters(network, 1),
      tf.tensor(image, [1, 8, 8, 8, 1]) as Tensor5D,
      tf.tensor(classes, [1, 8, 8, 8], 'int32'),
      null,
    ).loss.dataSync(),
  )[0] as number;
  const program = openProgram({
    network,
    precision: 'float32',
    patchSize: [8, 8, 8],
    windowBatches: [1],
    training: {
      batchSize: 1,
      accumulate: 1,
      ema: null,
      optimizer: { name: 'adamw', learningRate: 0.05, weightDecay: 0 },
      plan,
    },
  });
  try {
    program.assign('weights', new Map(network.specs.map((one) => [one.name, initialValues(one, 1)])));
    const zeros = new Map(network.specs.map(({ name }) => [name, new Float32Array(81)]));
    for (const group of program.groups) if (group !== 'weights') program.assign(group, zeros);
    const losses: number[] = [];
    for (let step = 1; step <= 6; step++) {
      program.step([{ image, classes }], { step, seed: 1, learningRate: 0.05 });
      losses.push(program.status().loss);
    }
    expect(losses[0]).toBeCloseTo(eager, 5);
    expect(losses.at(-1)).toBeLessThan(losses[0] as number);
  } finally {
    program.dispose();
  }
});
