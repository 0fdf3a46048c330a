import { expect, test } from 'vitest';
import { memoryTensors, type Tensor, tf } from '../engine.ts';
import { createOptimizer, plainOptimizer, ruleOf, startingState } from './create-optimizer.ts';
import { emaDecay, emaUpdate } from './ema.ts';
import { type Optimizer, type OptimizerSpec, slotNames } from './optimizer.ts';

const ADAMW = { name: 'adamw', weightDecay: 0.1, learningRate: 0.05 } as const;
const SGD = { name: 'sgd-nesterov', weightDecay: 0.1, momentum: 0.9 } as const;
const START = [1, -2, 0.5, 3];

function gradientOf(step: number): number[] {
  return START.map((_, i) => Math.sin(step + i));
}

function learningRateOf(step: number): number {
  return 0.05 / step;
}

/** PyTorch's loops, value by value in double precision (torch.optim.AdamW and torch.optim.SGD with nesterov=True). */
function byHand(spec: OptimizerSpec, steps: number): number[] {
  return START.map((start, i) => {
    let [w, m, v, b] = [start, 0, 0, 0];
    for (let t = 1; t <= steps; t++) {
      const [g, lr] = [gradientOf(t)[i] as number, learningRateOf(t)];
      if (spec.name === 'adamw') {
        w -= lr * spec.weightDecay * w;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        w -= (lr * (m / (1 - 0.9 ** t))) / (Math.sqrt(v / (1 - 0.999 ** t)) + 1e-8);
      } else {
        const decayed = g + spec.weightDecay * w;
        b = t === 1 ? decayed : spec.momentum * b + decayed;
        w -= lr * (decayed + spec.momentum * b);
      }
    }
    return w;
  });
}

function weights(): Map<string, Tensor> {
  return new Map([['w', tf.tensor1d(START)]]);
}

function train(optimizer: Optimizer, steps: number): Map<string, number[]> {
  for (let step = 1; step <= steps; step++) {
    const gradient = tf.tensor1d(gradientOf(step));
    optimizer.apply(new Map([['w', gradient]]), { step, learningRate: learningRateOf(step) });
    gradient.dispose();
  }
  const state = optimizer.state();
  const values = [...state].map(([group, tensors]) => {
    const tensor = tensors.get('w') as Tensor;
    const result = [...tensor.dataSync()];
    tensor.dispose();
    return [group, result] as const;
  });
  return new Map(values);
}

test.each([ADAMW, SGD])('$name is PyTorch’s, its state has its slots, and no tensor is left', (spec) => {
  const before = memoryTensors();
  for (const make of [createOptimizer, (one: OptimizerSpec, state: never) => plainOptimizer(ruleOf(one), state)]) {
    const optimizer = make(spec, startingState(spec, weights()) as never);
    const state = train(optimizer, 12);
    optimizer.dispose();
    expect([...state.keys()]).toEqual(['weights', ...slotNames(spec)]);
    byHand(spec, 12).forEach((value, i) => expect(state.get('weights')?.[i]).toBeCloseTo(value, 5));
  }
  expect(memoryTensors()).toBe(before);
});

test.each([ADAMW, SGD])('$name goes on from its state as if it had never stopped', (spec) => {
  const whole = createOptimizer(spec, startingState(spec, weights()));
  train(whole, 5);
  const resumed = createOptimizer(spec, whole.state());
  expect(train(resumed, 4)).toEqual(train(whole, 4));
  whole.dispose();
  resumed.dispose();
});

test('the mean of the weights warms up, then decays as asked', () => {
  const decayAt = (step: number): number => emaDecay(0.99, tf.scalar(step)).dataSync()[0] as number;
  expect(decayAt(1)).toBeCloseTo(2 / 11, 6);
  expect(decayAt(890)).toBeCloseTo(0.99, 6);
  expect(decayAt(5000)).toBeCloseTo(0.99, 6);
  const mean = emaUpdate(tf.scalar(2), tf.scalar(4), tf.scalar(0.75));
  expect(mean.dataSync()[0]).toBeCloseTo(2.5, 6);
});
