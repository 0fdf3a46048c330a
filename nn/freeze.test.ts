import type { Plan } from '@voxhelm/contracts/plan';
import { describe, expect, test } from 'vitest';
import { openCompiledEngine } from './compiled-engine.ts';
import { openEagerEngine } from './eager-engine.ts';
import { type Tensor5D, tf } from './engine.ts';
import { trains } from './freeze.ts';
import { initialState, startState } from './initialize.ts';
import type { Network } from './network.ts';
import type { EngineState, TrainingEngine } from './training-engine.ts';
import { stateGroups } from './training-state.ts';

/** An encoder of two convolutions around one that is trained, so that no order of the parameters hides a mistake. */
const network: Network = {
  class: 'Tiny',
  options: {},
  inChannels: 1,
  outChannels: 2,
  heads: 1,
  divisor: [1, 1, 1],
  encoder: ['encoder.'],
  specs: [
    { name: 'encoder.first', shape: [4, 1, 3, 3, 3], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 27 } },
    { name: 'head', shape: [2, 4, 1, 1, 1], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 4 } },
    { name: 'encoder.second', shape: [4, 4, 1, 1, 1], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 4 } },
  ],
  forward: (parameters, x) => {
    const conv = (input: Tensor5D, name: string) =>
      tf.conv3d(input, parameters.get(name) as Tensor5D, 1, 'same') as Tensor5D;
    return [conv(tf.tanh(conv(tf.tanh(conv(x, 'encoder.first')) as Tensor5D, 'encoder.second')) as Tensor5D, 'head')];
  },
};

function planOf(changes: Partial<Plan['training']>): Plan {
  const training = {
    steps: 4,
    precision: 'float32',
    optimizer: 'adamw',
    learningRate: 0.01,
    schedule: 'cosine',
    momentum: 0.9,
    weightDecay: 0.1,
    ema: 0.9,
    accumulate: 2,
    recompute: 'none',
    augmentOn: 'loader',
    startFrom: null,
    freeze: 'encoder',
    stopEarly: null,
    warmupSteps: 0,
    gradientClipNorm: 1,
    loss: { name: 'DiceCELoss', options: { to_onehot_y: true, softmax: true } },
    deepSupervisionWeights: [1],
    ...changes,
  };
  const inference = { overlap: 0.5, mode: 'gaussian', sigmaScale: 0.125, windowBatchSize: 1 };
  return { batchSize: 1, patchSize: [8, 8, 8], augmentation: [], inference, training } as unknown as Plan;
}

/** A parameter's values in a state. */
function valuesOf(state: EngineState, group: string, name: string): Float32Array {
  const values = state.get(group);
  if (values === undefined || values === 'zeros') throw new Error(`there are no values of ${group}`);
  return values.get(name) as Float32Array;
}

/** Four steps, and the state after them. */
async function trained(engine: TrainingEngine, plan: Plan): ReturnType<TrainingEngine['state']> {
  await engine.assign(startState(3, stateGroups(plan)));
  for (let step = 1; step <= 4; step++) {
    const classes = Uint8Array.from({ length: 1024 }, (_, voxel) => ((voxel + step) % 5 === 0 ? 1 : 0));
    const image = Float32Array.from(classes, (inside, voxel) => inside + 0.1 * Math.sin(voxel));
    await engine.step({ image, classes }, { step, seed: 1, learningRate: 0.01 });
  }
  const state = await engine.state();
  await engine.close();
  return state;
}

describe.each(['adamw', 'sgd-nesterov'] as const)('a frozen encoder under %s', (optimizer) => {
  const plan = planOf({ optimizer });
  const before = initialState(network, 3, stateGroups(plan));

  test('does not move by a bit in either engine, decay and mean of weights included; the head moves alike in both', async () => {
    const eager = await trained(openEagerEngine(network, plan), plan);
    const compiled = await trained(openCompiledEngine(network, plan, 'float32'), plan);
    for (const state of [eager, compiled]) {
      for (const group of ['weights', 'ema']) {
        for (const name of ['encoder.first', 'encoder.second']) {
          expect(valuesOf(state, group, name)).toEqual(valuesOf(before, group, name));
        }
        expect(valuesOf(state, group, 'head')).not.toEqual(valuesOf(before, group, 'head'));
      }
    }
    const [a, b] = [eager, compiled].map((state) => valuesOf(state, 'weights', 'head'));
    a?.forEach((value, i) => expect(value).toBeCloseTo(b?.[i] ?? Number.NaN, 5));
  });
});

test('what is frozen is the encoder alone; a network without one, or without anything else, is refused', () => {
  expect(network.specs.filter(({ name }) => trains(network, 'encoder')(name)).map(({ name }) => name)).toEqual([
    'head',
  ]);
  expect(network.specs.every(({ name }) => trains(network, 'none')(name))).toBe(true);
  const { encoder: _, ...without } = network;
  expect(() => trains(without, 'encoder')).toThrow(/Tiny has no encoder/);
  expect(() => trains({ ...network, encoder: [''] }, 'encoder')).toThrow(/nothing left to train/);
});
