import { expect, test } from 'vitest';
import { openProgram, type Program } from './compiled/program.ts';
import { memoryTensors, type Tensor, type Tensor5D, tf } from './engine.ts';
import { initialParameters, initialState } from './initialize.ts';
import { dropout } from './layers/dropout.ts';
import type { ForwardMode, Network, ParameterSpec, Parameters } from './network.ts';
import { blockOf } from './recompute.ts';
import { lossAndGradients } from './train-step.ts';
import { disposeParameters } from './weights.ts';

const CHANNELS = 8;

function conv(name: string, into: number, out: number): ParameterSpec {
  return { name, shape: [out, into, 3, 3, 3], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 27 * into } };
}

/** Three residual blocks with dropout inside, each of which may be computed again. */
const network: Network = {
  class: 'Blocks',
  options: {},
  inChannels: 1,
  outChannels: 2,
  heads: 1,
  divisor: [1, 1, 1],
  specs: [
    conv('first', 1, CHANNELS),
    ...[0, 1, 2].flatMap((i) => [conv(`block${i}.a`, CHANNELS, CHANNELS), conv(`block${i}.b`, CHANNELS, CHANNELS)]),
    conv('head', CHANNELS, 2),
  ],
  forward(parameters, image, mode) {
    let x = same(parameters, 'first', image);
    for (const i of [0, 1, 2]) {
      x = blockOf(mode, parameters, `block${i}.`, [x] as const, (own, [input]) => residual(own, i, input, mode));
    }
    return [same(parameters, 'head', x)];
  },
};

function same(parameters: Parameters, name: string, x: Tensor5D): Tensor5D {
  return tf.conv3d(x, parameters.get(name) as Tensor5D, 1, 'same');
}

function residual(parameters: Parameters, i: number, x: Tensor5D, mode: ForwardMode): Tensor5D {
  const inner = dropout(tf.tanh(same(parameters, `block${i}.a`, x)), 0.2, mode.seed, i) as Tensor5D;
  return tf.add(tf.tanh(same(parameters, `block${i}.b`, inner)), x);
}

const PLAN = {
  gradientClipNorm: null,
  deepSupervisionWeights: [1],
  loss: { name: 'DiceCELoss' as const, options: { softmax: true } },
};

function batch(): { image: Tensor5D; classes: Tensor; seed: Tensor } {
  const image = tf.randomNormal([1, 8, 8, 8, 1], 0, 1, 'float32', 4) as Tensor5D;
  const classes = tf.cast(tf.reshape(tf.greater(image, 0), [1, 8, 8, 8]), 'int32');
  return { image, classes, seed: tf.tensor1d([3, 4], 'int32') };
}

test('gradients are the same, and no tensor is left', () => {
  const { image, classes, seed } = batch();
  const weights = initialParameters(network, 1);
  const before = memoryTensors();
  const [kept, again] = (['none', 'blocks'] as const).map((how) => {
    const { loss, gradients } = lossAndGradients(network, { ...PLAN, recompute: how })(weights, image, classes, seed);
    const values = [loss, ...gradients.values()].map((tensor) => [...tensor.dataSync()]);
    tf.dispose([loss, ...gradients.values()]);
    return values;
  });
  expect(memoryTensors()).toBe(before);
  again?.forEach((values, i) => {
    values.forEach((value, j) => expect(value).toBeCloseTo(kept?.[i]?.[j] ?? Number.NaN, 5));
  });
  expect(again?.[1]?.some((value) => value !== 0)).toBe(true);
  disposeParameters(weights);
});

test('a compiled training draws the same curve with either, dropout included', () => {
  const open = (how: 'none' | 'blocks'): Program => {
    const program = openProgram({
      network,
      precision: 'float32',
      patchSize: [8, 8, 8],
      windowBatches: [],
      training: {
        batchSize: 1,
        accumulate: 1,
        ema: null,
        optimizer: { name: 'adamw', learningRate: 0.01, weightDecay: 0 },
        plan: { ...PLAN, recompute: how },
      },
    });
    for (const [group, values] of initialState(network, 1, program.groups)) program.assign(group, values);
    return program;
  };
  const { image, classes } = batch();
  const fed = { image: image.dataSync() as Float32Array, classes: classes.dataSync() as Int32Array };
  const curves = (['none', 'blocks'] as const).map((how) => {
    const program = open(how);
    const losses = [1, 2, 3, 4, 5, 6].map((step) => {
      program.step([fed], { step, learningRate: 0.01, seed: 9 });
      return program.status().loss;
    });
    program.dispose();
    return losses;
  });
  expect(curves[1]?.at(-1)).toBeLessThan(curves[1]?.[0] ?? 0);
  curves[1]?.forEach((loss, i) => expect(loss).toBeCloseTo(curves[0]?.[i] ?? Number.NaN, 4));
});
