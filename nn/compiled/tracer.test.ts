import { expect, test } from 'vitest';
import { type Scalar, type Tensor, type Tensor1D, type Tensor5D, tf } from '../engine.ts';
import { valueAndGradients } from '../gradients.ts';
import { normAct } from '../layers/instance-norm.ts';
import type { Network } from '../network.ts';
import { rawOp1 } from '../raw-op.ts';
import { recompute } from '../recompute.ts';
import { lossAndGradients, type StepPlan } from '../train-step.ts';
import { BFLOAT16, FLOAT } from './data-types.ts';
import { Graph } from './graph.ts';
import { OPS } from './ops/table.ts';
import { openSession } from './session.ts';
import { trace } from './tracer.ts';

const graphOf = (compute: (x: Tensor) => Tensor[], precision: 'float32' | 'bfloat16' = 'float32') => {
  const graph = new Graph();
  const x = graph.placeholder('x', FLOAT, [2, 3]);
  const outputs = trace(graph, precision, (scope) => compute(scope.tensor(x)));
  return { graph, x, outputs };
};

/** The line of this file that called it. */
function lineHere(offset: number): string {
  const [, line] = /tracer\.test\.ts:(\d+)/.exec(new Error().stack?.split('\n')[2] ?? '') ?? [];
  return `tracer.test.ts:${Number(line) + offset}`;
}

test('a tensor made outside is refused, with its place, and stays whole', () => {
  const outside = tf.tensor2d([[1, 2, 3]]);
  const place = lineHere(1);
  expect(() => graphOf((x) => [tf.add(x, outside)])).toThrow(place);
  expect(() => graphOf((x) => [tf.add(x, outside)])).toThrow(/capturing a tensor/);
  expect([...outside.dataSync()]).toEqual([1, 2, 3]);
  outside.dispose();
});

test('a value that is looked at while tracing is refused, with its place', () => {
  const place = lineHere(1);
  expect(() => graphOf((x) => [tf.mul(x, tf.sum(x).dataSync()[0] as number)])).toThrow(place);
});

test('an op without a shape function is refused by its name, with its place', () => {
  const place = lineHere(1);
  const compute = () => graphOf((x) => [rawOp1('Betainc', { T: { dtype: 'float32' } }, [x, x, x])]);
  expect(compute).toThrow(/Betainc/);
  expect(compute).toThrow(place);
});

/** The refusal of a function that is traced as if an op of the table had no shape function. */
function refusal(missing: string | null, compute: (x: Tensor) => Tensor[]): unknown {
  const table = OPS as Record<string, unknown>;
  const definition = missing === null ? undefined : table[missing];
  if (missing !== null) delete table[missing];
  try {
    graphOf(compute);
  } catch (error) {
    return error;
  } finally {
    if (missing !== null) table[missing] = definition;
  }
  throw new Error('nothing was refused');
}

/** The refusal of the gradient of a function's sum. */
function refusedGradient(missing: string | null, compute: (x: Tensor) => Tensor): unknown {
  return refusal(missing, (x) => {
    return valueAndGradients((input) => tf.sum(compute(input as Tensor)) as Scalar, [x]).gradients;
  });
}

test('an op that only a gradient needs is refused by its name, at the line of the op whose gradient it is', () => {
  const place = lineHere(1);
  const error = refusedGradient('EluGrad', (x) => tf.square(tf.elu(x)));
  expect(error).toMatchObject({ message: expect.stringContaining(`EluGrad, in the gradient of Elu at `) });
  expect(error).toMatchObject({ details: { op: 'EluGrad', place: expect.stringContaining(place) } });
});

test('in a layer’s own gradient it is refused at the line of the network that asked for the layer', () => {
  const place = lineHere(3);
  const normalized = (x: Tensor): Tensor => {
    const [image, ones] = [tf.reshape(x, [1, 1, 2, 3, 1]) as Tensor5D, tf.ones([1]) as Tensor1D];
    return tf.square(normAct(image, ones, ones, { name: 'relu', alpha: 0 }));
  };
  const error = refusedGradient('FusedBatchNormGradV3', normalized);
  expect(error).toMatchObject({ details: { op: 'FusedBatchNormGradV3', place: expect.stringContaining(place) } });
});

test('where blocks are computed again it is refused at the line within the block', () => {
  const place = lineHere(2);
  const block = (x: Tensor): Tensor => {
    return recompute(new Map(), 'block', [x] as const, (_, [input]) => tf.elu(tf.square(input)));
  };
  const error = refusedGradient('EluGrad', (x) => tf.square(block(x)));
  expect(error).toMatchObject({ details: { op: 'EluGrad', place: expect.stringContaining(place) } });
});

test('a gradient that the network itself writes is refused at its own line', () => {
  const place = lineHere(3);
  const doubled = tf.customGrad((...given) => {
    const x = given[0] as Tensor;
    const gradFunc = (dy: Tensor): Tensor => rawOp1('Betainc', { T: { dtype: 'float32' } }, [dy, dy, dy]);
    return { value: tf.mul(x, 2), gradFunc };
  });
  const error = refusedGradient(null, (x) => doubled(x));
  expect(error).toMatchObject({ details: { op: 'Betainc', place: expect.stringContaining(place) } });
});

test('an op of the loss is refused at the line of the loss, whoever trains', () => {
  const plan: StepPlan = {
    gradientClipNorm: null,
    deepSupervisionWeights: [1],
    loss: { name: 'DiceLoss', options: {} },
  };
  const step = lossAndGradients({ specs: [], forward: (_: unknown, x: Tensor5D) => [x] } as unknown as Network, plan);
  const error = refusal('OneHot', (x) => {
    const image = tf.reshape(x, [1, 1, 1, 3, 2]) as Tensor5D;
    return [step(new Map([['w', x]]), image, tf.zeros([1, 1, 1, 3], 'int32'), null).loss];
  });
  expect(error).toMatchObject({ details: { op: 'OneHot', place: expect.stringMatching(/nn\/losses\/.*ts:\d+$/) } });
});

test('an op of which tfjs knows no gradient is refused by its name, with its place', () => {
  const place = lineHere(1);
  const error = refusedGradient(null, (x) => tf.square(tf.cumprod(x, 1)));
  expect(error).toMatchObject({ message: expect.stringMatching(/^Cumprod at .*no gradient/) });
  expect(error).toMatchObject({ details: { op: 'Cumprod', place: expect.stringContaining(place) } });
});

test('after a refusal tfjs computes as before, and tracing works', () => {
  expect(() => graphOf((x) => [tf.add(x, tf.where(tf.greater(x, 0), x, x).arraySync() as number[][])])).toThrow();
  expect(tf.tidy(() => tf.add(1, 2).dataSync()[0])).toBe(3);
  const { graph, outputs, x } = graphOf((tensor) => [tf.square(tensor)]);
  const session = openSession(graph);
  expect([...(session.run({ inputs: [x], outputs }, [Float32Array.of(1, 2, 3, 4, 5, 6)])[0] ?? [])]).toEqual([
    1, 4, 9, 16, 25, 36,
  ]);
  session.dispose();
});

test('a feed of another size is refused, for TensorFlow would take it', () => {
  const { graph, outputs, x } = graphOf((tensor) => [tf.square(tensor)]);
  const session = openSession(graph);
  expect(() => session.run({ inputs: [x], outputs }, [new Float32Array(5)])).toThrow(/shape \[2,3\] was fed 5 values/);
  session.dispose();
});

test('in bfloat16 products are low, what follows them follows, sums and losses are float32', () => {
  const weights = [1, 2, 3, 4, 5, 6];
  const { outputs } = graphOf((x) => {
    const product = tf.matMul(x, tf.tensor2d(weights, [3, 2]));
    const shifted = tf.add(tf.relu(product), 0.5);
    return [product, shifted, tf.sum(shifted), tf.exp(shifted), tf.add(x, 1), tf.add(shifted, tf.sum(x, 1, true))];
  }, 'bfloat16');
  expect(outputs.map(({ type }) => type)).toEqual([BFLOAT16, BFLOAT16, FLOAT, FLOAT, FLOAT, FLOAT]);
});
