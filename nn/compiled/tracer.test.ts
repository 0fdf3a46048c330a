import { expect, test } from 'vitest';
import { type Tensor, tf } from '../engine.ts';
import { rawOp1 } from '../raw-op.ts';
import { BFLOAT16, FLOAT } from './data-types.ts';
import { Graph } from './graph.ts';
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
