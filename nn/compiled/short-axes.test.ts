import { expect, test } from 'vitest';
import { type Tensor5D, tf } from '../engine.ts';
import { conv } from '../layers/conv.ts';
import type { ComputePrecision } from './autocast.ts';
import { FLOAT } from './data-types.ts';
import { Graph } from './graph.ts';
import { openSession } from './session.ts';
import { trace } from './tracer.ts';

/*
 * At the bottom of a network an axis may be shorter than the kernel. oneDNN's bfloat16 filter gradient then reads memory that
 * nobody wrote, where TensorFlow pads ('same'): numbers of any size, now and then NaN.
 */

const CHANNELS = 64;

/** Value, and gradients by input and filter, of a convolution on fixed numbers; the last of several runs, memory being dirty. */
function gradients(size: readonly number[], kernel: readonly number[], precision: ComputePrecision): Float32Array[] {
  const graph = new Graph();
  const shape = [1, ...size, CHANNELS];
  const x = graph.placeholder('x', FLOAT, shape);
  const filter = graph.placeholder('filter', FLOAT, [...kernel, CHANNELS, CHANNELS]);
  const computed = trace(graph, precision, (scope) => {
    const inputs = [scope.tensor(x), scope.tensor(filter)];
    const apply = (image: (typeof inputs)[0], weights: (typeof inputs)[0]) => conv(image as Tensor5D, weights);
    const run = tf.grads((image, weights) => tf.sum(tf.square(apply(image, weights))));
    return [apply(inputs[0] as Tensor5D, inputs[1] as Tensor5D), ...run(inputs)];
  });
  const signature = { inputs: [x, filter], outputs: computed.map((value) => graph.cast(value, FLOAT)) };
  const session = openSession(graph);
  const numbers = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i));
  const feeds = [shape, [...kernel, CHANNELS, CHANNELS]].map((dims) => numbers(dims.reduce((a, b) => a * b)));
  let values: Float32Array[] = [];
  for (let run = 0; run < 6; run++) {
    tf.dispose(tf.fill([kernel.reduce((a, b) => a * b), CHANNELS, CHANNELS], Number.NaN));
    values = session.run(signature, feeds) as Float32Array[];
  }
  session.dispose();
  return values;
}

function largest(values: ArrayLike<number>): number {
  let most = 0;
  // A comparison with NaN is false: it must not pass for a small number.
  for (let i = 0; i < values.length; i++)
    if (!(Math.abs(values[i] as number) <= most)) most = Math.abs(values[i] as number);
  return most;
}

test.each([
  { size: [2, 1, 1], kernel: [3, 3, 3] },
  { size: [2, 4, 4], kernel: [3, 3, 3] },
  { size: [4, 4, 4], kernel: [5, 5, 5] },
  { size: [3, 4, 4], kernel: [5, 1, 1] },
])('a convolution of $size by $kernel has in bfloat16 the gradients that it has in float32', ({ size, kernel }) => {
  const exact = gradients(size, kernel, 'float32');
  const rounded = gradients(size, kernel, 'bfloat16');
  for (const [i, values] of exact.entries()) {
    const difference = values.map((value, at) => value - ((rounded[i] as Float32Array)[at] as number));
    expect(largest(difference) / largest(values)).toBeLessThan(0.03);
  }
});
