import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { memoryTensors, type Tensor, type Tensor5D, tf } from '../engine.ts';
import { initialParameters, initialValues } from '../initialize.ts';
import type { Network } from '../network.ts';
import { createOptimizer, startingState } from '../optimizers/create-optimizer.ts';
import { createTrainStep } from '../train-step.ts';
import { storeParameters } from '../weights.ts';
import type { ComputePrecision } from './autocast.ts';
import { openProgram, type Program, type TrainingSpec } from './program.ts';

/** Two convolutions with a smooth activation. */
const network: Network = {
  class: 'Tiny',
  options: {},
  inChannels: 1,
  outChannels: 2,
  heads: 1,
  divisor: [1, 1, 1],
  specs: [
    { name: 'first.weight', shape: [4, 1, 3, 3, 3], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 27 } },
    { name: 'head.weight', shape: [2, 4, 1, 1, 1], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn: 4 } },
    { name: 'head.bias', shape: [2], kind: 'vector', init: { rule: 'uniform-fan-in', fanIn: 4 } },
  ],
  forward: (parameters, x) => {
    const hidden = tf.tanh(tf.conv3d(x, parameters.get('first.weight') as Tensor5D, 1, 'same'));
    const logits = tf.conv3d(hidden as Tensor5D, parameters.get('head.weight') as Tensor5D, 1, 'same');
    return [tf.add(logits, parameters.get('head.bias') as Tensor)];
  },
};

const TRAINING: TrainingSpec = {
  batchSize: 1,
  accumulate: 1,
  ema: null,
  optimizer: { name: 'adamw', learningRate: 0.01, weightDecay: 1e-3 },
  plan: {
    gradientClipNorm: 1,
    deepSupervisionWeights: [1],
    loss: { name: 'DiceCELoss', options: { to_onehot_y: true, softmax: true } },
  },
};

function open(precision: ComputePrecision, training: Partial<TrainingSpec> = {}): Program {
  const spec = { network, precision, patchSize: [8, 8, 8], windowBatches: [1, 4] } as const;
  const program = openProgram({ ...spec, training: { ...TRAINING, ...training } });
  program.assign('weights', new Map(network.specs.map((one) => [one.name, initialValues(one, 1)])));
  for (const group of program.groups) if (group !== 'weights') program.assign(group, zeros());
  return program;
}

function zeros(): Map<string, Float32Array> {
  return new Map(network.specs.map(({ name, shape }) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]));
}

function batchOf(step: number): { image: Float32Array; classes: Int32Array } {
  const classes = Int32Array.from({ length: 512 }, (_, voxel) => ((voxel + 37 * step) % 5 === 0 ? 1 : 0));
  return { image: Float32Array.from(classes, (inside, voxel) => inside + 0.1 * Math.sin(voxel + step)), classes };
}

/** Losses of an eager training, and the weights that it ends with. */
function trainEagerly(steps: number): { losses: number[]; weights: Map<string, Float32Array> } {
  const first = initialParameters(network, 1);
  const optimizer = createOptimizer(TRAINING.optimizer, startingState(TRAINING.optimizer, first));
  const trainStep = createTrainStep(network, TRAINING.plan);
  const losses = Array.from({ length: steps }, (_, i) => {
    const { image, classes } = batchOf(i + 1);
    const x = tf.tensor5d(image, [1, 8, 8, 8, 1]);
    const t = tf.tensor(classes, [1, 8, 8, 8], 'int32');
    const loss = trainStep(optimizer, [{ image: x, classes: t, seed: null }], {
      step: i + 1,
      learningRate: 0.01,
    });
    const value = loss.dataSync()[0] as number;
    tf.dispose([x, t, loss]);
    return value;
  });
  const weights = optimizer.weights();
  const stored = new Map(
    [...storeParameters(network, weights)].map(([name, { data }]) => [name, data as Float32Array]),
  );
  for (const tensor of weights.values()) tensor.dispose();
  optimizer.dispose();
  return { losses, weights: stored };
}

function train(program: Program, steps: number, from = 1): number[] {
  return Array.from({ length: steps }, (_, i) => {
    program.step([batchOf(from + i)], { step: from + i, learningRate: 0.01, seed: 0 });
    return program.status().loss;
  });
}

/** Largest difference as a fraction of the largest value. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [most, largest] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    most = Math.max(most, Math.abs((a[i] as number) - (b[i] as number)));
    largest = Math.max(largest, Math.abs(a[i] as number));
  }
  return most / largest;
}

test('a compiled training draws the eager one’s curve and ends with its weights', () => {
  const program = open('float32');
  const eager = trainEagerly(20);
  expect(difference(eager.losses, train(program, 20))).toBeLessThan(1e-5);
  const weights = program.read('weights');
  for (const [name, values] of eager.weights) {
    expect(difference(values, weights.get(name) as Float32Array)).toBeLessThan(1e-4);
  }
  program.dispose();
});

test('in bfloat16 it draws nearly the same', () => {
  const program = open('bfloat16');
  const losses = train(program, 20);
  expect(difference(trainEagerly(20).losses, losses)).toBeLessThan(0.02);
  program.dispose();
});

test('tensors are neither made by tracing nor by training', () => {
  const before = memoryTensors();
  const program = open('float32');
  train(program, 3);
  program.dispose();
  expect(memoryTensors()).toBe(before);
});

/** The part of the binding that makes and frees TensorFlow's tensors for a session. */
interface TensorBinding {
  createTensor(...given: unknown[]): number;
  runSavedModel(...given: unknown[]): { id: number }[];
  deleteTensor(id: number): void;
}

/**
 * Counts the tensors of TensorFlow that sessions opened from now on hold: tfjs knows nothing of them, and a test's small ones would not
 * show in the process's memory. The caller restores.
 */
function countSessionTensors(): { live(): number; restore(): void } {
  const backend = tf.backend() as unknown as { binding: TensorBinding };
  const { binding } = backend;
  let live = 0;
  const counting: TensorBinding = {
    createTensor(...given) {
      live += 1;
      return binding.createTensor(...given);
    },
    runSavedModel(...given) {
      const results = binding.runSavedModel(...given);
      live += results.length;
      return results;
    },
    deleteTensor(id) {
      live -= 1;
      binding.deleteTensor(id);
    },
  };
  // Defined, not assigned: what the native object has is read-only.
  backend.binding = Object.create(binding, Object.getOwnPropertyDescriptors(counting)) as TensorBinding;
  return {
    live: () => live,
    restore: () => {
      backend.binding = binding;
    },
  };
}

test('memory stays flat over 300 steps and readings, and no tensor of theirs is left', () => {
  const tensors = countSessionTensors();
  try {
    const program = open('bfloat16');
    train(program, 50);
    const before = process.memoryUsage.rss();
    for (let round = 0; round < 3; round++) {
      train(program, 100);
      program.read('weights');
      program.predict(new Float32Array(3 * 512), 3);
    }
    expect(tensors.live()).toBe(0);
    expect((process.memoryUsage.rss() - before) / 2 ** 20).toBeLessThan(24);
    program.dispose();
  } finally {
    tensors.restore();
  }
});

test('state that is read and assigned again goes on to the same weights, bit for bit', () => {
  const [one, other] = [open('float32'), open('float32')];
  train(one, 6);
  const state = one.groups.map((group) => [group, one.read(group)] as const);
  for (const [group, values] of state) other.assign(group, values);
  train(one, 4, 7);
  train(other, 4, 7);
  for (const group of one.groups) expect(other.read(group)).toEqual(one.read(group));
  for (const program of [one, other]) program.dispose();
});

/** Weak references to arrays that were assigned to every group: one for each place of a parameter's values in memory. */
function assignedArrays(program: Program): WeakRef<Float32Array>[] {
  // TensorFlow takes an array's memory as it is where that begins at a multiple of 64 bytes; somewhere in these four it does.
  return [0, 16, 32, 48].flatMap((offset) => {
    const given = new Map(
      [...zeros()].map(([name, { length }]) => [name, new Float32Array(new ArrayBuffer(2 ** 16), offset, length)]),
    );
    for (const group of program.groups) program.assign(group, given);
    return [...given.values()].map((values) => new WeakRef(values));
  });
}

test('no array that was assigned is held, so none is given up on a thread of TensorFlow', async () => {
  const program = open('float32');
  const arrays = assignedArrays(program);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  await new Promise(setImmediate);
  collect();
  expect(arrays.filter((array) => array.deref() !== undefined)).toHaveLength(0);
  program.dispose();
});

test('two micro-batches of one sample are a step of two', () => {
  const [small, large] = [open('float32', { accumulate: 2 }), open('float32', { batchSize: 2 })];
  for (let step = 1; step <= 5; step++) {
    const [a, b] = [batchOf(2 * step), batchOf(2 * step + 1)];
    const both = {
      image: Float32Array.of(...a.image, ...b.image),
      classes: Int32Array.of(...a.classes, ...b.classes),
    };
    small.step([a, b], { step, learningRate: 0.01, seed: 9 });
    large.step([both], { step, learningRate: 0.01, seed: 9 });
    expect(difference([large.status().loss], [small.status().loss])).toBeLessThan(1e-5);
  }
  const [weights, others] = [small.read('weights'), large.read('weights')];
  for (const [name, values] of weights) expect(difference(values, others.get(name) as Float32Array)).toBeLessThan(1e-4);
  for (const program of [small, large]) program.dispose();
});

/** What makes a loss no number, and what the loss then is. */
const BREAKS = [
  {
    loss: Number.NaN,
    broken(step: number) {
      const batch = batchOf(step);
      batch.image[7] = Number.NaN;
      return batch;
    },
  },
  {
    // Logits that are numbers, but whose sum over the voxels is none.
    loss: Number.POSITIVE_INFINITY,
    broken(step: number, program: Program) {
      const scaled = [...program.read('weights')].map(([name, values]) => {
        return [name, name.startsWith('head.weight') ? values.map((one) => Math.sign(one) * 8e37) : values] as const;
      });
      program.assign('weights', new Map(scaled));
      return batchOf(step);
    },
  },
];

test.each(BREAKS)(
  'the first step whose loss is $loss is known long after, and its loss is what the forward pass says',
  ({ loss, broken }) => {
    const program = open('float32');
    train(program, 2);
    const batch = broken(3, program);
    expect(program.loss(batch, { step: 3, seed: 9 })).toBe(loss);
    program.step([batch], { step: 3, learningRate: 0.01, seed: 9 });
    expect(program.status().loss).toBe(loss);
    train(program, 4, 4);
    expect(program.status().divergedAt).toBe(3);
    program.dispose();
  },
);

test('any number of windows is predicted, each as if alone', () => {
  const program = open('float32');
  const windows = Float32Array.from({ length: 7 * 512 }, (_, i) => Math.sin(i));
  const all = program.predict(windows, 7);
  for (let i = 0; i < 7; i++) {
    const alone = program.predict(windows.slice(i * 512, (i + 1) * 512), 1);
    expect(difference(alone, all.slice(i * 1024, (i + 1) * 1024))).toBeLessThan(1e-6);
  }
  program.dispose();
});
