import { describe, expect, test } from 'vitest';
import { memoryTensors, type Tensor, type Tensor1D, type Tensor5D, tf } from '../engine.ts';
import { activate, gelu, leakyRelu, parseActivation } from './activation.ts';
import { dropout, dropPath, randomNormal, randomUniform } from './dropout.ts';
import { fusedInstanceNorm, plainInstanceNorm } from './instance-norm.ts';

/** Value, and gradient of the sum of value * weight, of one function of one tensor. */
function valueAndGradient(f: (x: Tensor) => Tensor, x: Tensor): { value: Float32Array; gradient: Float32Array } {
  const weight = tf.randomNormal(x.shape, 0, 1, 'float32', 3);
  const [value, gradient] = tf.tidy(() => [f(x), tf.grad((y) => f(y as Tensor))(x, weight)]) as [Tensor, Tensor];
  const values = { value: value.dataSync<'float32'>(), gradient: gradient.dataSync<'float32'>() };
  tf.dispose([weight, value, gradient]);
  return values as { value: Float32Array; gradient: Float32Array };
}

function expectEqual(a: Float32Array, b: Float32Array, tolerance = 1e-5): void {
  let most = 0;
  a.forEach((value, i) => {
    most = Math.max(most, Math.abs(value - (b[i] as number)));
  });
  expect(most).toBeLessThan(tolerance);
}

function sample(): Tensor5D {
  return tf.randomNormal([2, 4, 5, 6, 3], 0.2, 2, 'float32', 11) as Tensor5D;
}

describe('activations with gradients of their own', () => {
  test('leaky relu is tfjs’s, value and gradient', () => {
    const x = sample();
    const fused = valueAndGradient((one) => leakyRelu(one, 0.01), x);
    const plain = valueAndGradient((one) => tf.leakyRelu(one, 0.01), x);
    expectEqual(fused.value, plain.value);
    expectEqual(fused.gradient, plain.gradient);
    // A slope below 0 turns the sign.
    const turned = valueAndGradient(
      (one) => activate(one, parseActivation(['leakyrelu', { negative_slope: -0.5 }])),
      x,
    );
    expectEqual(turned.gradient, valueAndGradient((one) => tf.leakyRelu(one, -0.5), x).gradient);
  });

  test('gelu is the erf form, and its gradient that of the form written out', () => {
    const x = sample();
    const fused = valueAndGradient(gelu, x);
    const plain = valueAndGradient((one) => tf.mul(tf.mul(one, 0.5), tf.add(tf.erf(tf.mul(one, Math.SQRT1_2)), 1)), x);
    expectEqual(fused.value, plain.value);
    expectEqual(fused.gradient, plain.gradient);
    // torch.nn.functional.gelu(torch.tensor([-1., 0., 2.]))
    const known = gelu(tf.tensor1d([-1, 0, 2])).dataSync();
    [-0.15865526, 0, 1.9544997].forEach((value, i) => expect(known[i]).toBeCloseTo(value, 6));
  });

  test.each([null, 0, 0.01])('the fused norm with slope %s is the plain one', (slope) => {
    const x = sample();
    const [scale, bias] = [tf.tensor1d([1, 0.5, 2]), tf.tensor1d([0, -0.3, 0.2])] as [Tensor1D, Tensor1D];
    const after = (y: Tensor): Tensor => (slope === null ? y : slope === 0 ? tf.relu(y) : tf.leakyRelu(y, slope));
    const before = memoryTensors();
    const fused = valueAndGradient((one) => fusedInstanceNorm(one as Tensor5D, scale, bias, 1e-5, slope), x);
    const plain = valueAndGradient((one) => after(plainInstanceNorm(one as Tensor5D, scale, bias, 1e-5)), x);
    expect(memoryTensors()).toBe(before);
    expectEqual(fused.value, plain.value);
    expectEqual(fused.gradient, plain.gradient, 1e-4);
  });
});

describe('the fused norm of many voxels, where neighbours are taken together', () => {
  // Two samples of 2^13 voxels, and one of 2^17, whose statistics are summed in parts.
  test.each([
    [[2, 32, 16, 16, 12], 0.01],
    [[2, 32, 16, 16, 24], null],
    [[1, 64, 64, 32, 3], 0],
  ] as const)('%j with slope %s is the plain one, value and all gradients', (shape, slope) => {
    const channels = shape[4];
    const x = tf.randomNormal([...shape], 3, 2, 'float32', 11) as Tensor5D;
    const scale = tf.range(1, 1 + channels) as Tensor1D;
    const bias = tf.sin(tf.range(0, channels)) as Tensor1D;
    const weight = tf.randomNormal([...shape], 0.1, 1, 'float32', 3);
    const after = (y: Tensor): Tensor => (slope === null ? y : slope === 0 ? tf.relu(y) : tf.leakyRelu(y, slope));
    const all = (norm: (...inputs: [Tensor5D, Tensor1D, Tensor1D]) => Tensor): Float32Array[] =>
      [
        norm(x, scale, bias),
        ...tf.grads((...given) => norm(...(given as [Tensor5D, Tensor1D, Tensor1D])))([x, scale, bias], weight),
      ].map((tensor) => tensor.dataSync<'float32'>() as Float32Array);
    const fused = all((...given) => fusedInstanceNorm(...given, 1e-5, slope));
    const plain = all((...given) => after(plainInstanceNorm(...given, 1e-5)));
    fused.forEach((values, i) => {
      const largest = (plain[i] as Float32Array).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expectEqual(
        values.map((value) => value / largest),
        (plain[i] as Float32Array).map((value) => value / largest),
        3e-5,
      );
    });
  });
});

describe('random layers', () => {
  const seed = tf.tensor1d([17, -5], 'int32');
  const shape = [4, 20, 20, 20, 2];

  test('the same seed and stream draw the same, others other numbers', () => {
    const draw = (stream: number, from = seed): Float32Array =>
      randomUniform(shape, from, stream).dataSync<'float32'>() as Float32Array;
    expect(draw(1)).toEqual(draw(1));
    const correlation = (a: Float32Array, b: Float32Array): number =>
      a.reduce((sum, value, i) => sum + (value - 0.5) * ((b[i] as number) - 0.5), 0) / a.length / (1 / 12);
    for (const other of [draw(2), draw(1000), draw(1, tf.tensor1d([18, -5], 'int32'))]) {
      expect(Math.abs(correlation(draw(1), other))).toBeLessThan(0.02);
    }
    const normal = randomNormal(shape, seed, 1);
    const { mean, variance } = tf.moments(normal);
    expect(mean.dataSync()[0]).toBeCloseTo(0, 1);
    expect(variance.dataSync()[0]).toBeCloseTo(1, 1);
  });

  test('dropout keeps the mean, drops its share, and its gradient is its mask', () => {
    const x = tf.ones(shape);
    const { value } = valueAndGradient((one) => dropout(one, 0.3, seed, 1), x);
    const dropped = value.filter((v) => v === 0).length / value.length;
    expect(dropped).toBeCloseTo(0.3, 1);
    expect(value.reduce((a, b) => a + b, 0) / value.length).toBeCloseTo(1, 1);
    expectEqual(
      value.filter((v) => v !== 0),
      new Float32Array(value.length).fill(1 / 0.7),
    );
    const gradient = tf
      .grad((one) => dropout(one, 0.3, seed, 1))(x)
      .dataSync<'float32'>();
    expectEqual(gradient as Float32Array, value);
  });

  test('drop path drops whole samples', () => {
    const many = [64, 3, 2, 2, 1];
    const { value } = valueAndGradient((one) => dropPath(one, 0.5, seed, 2), tf.ones(many));
    const samples = Array.from({ length: 64 }, (_, i) => new Set(value.subarray(i * 12, (i + 1) * 12)));
    expect(samples.every((one) => one.size === 1)).toBe(true);
    const kept = samples.filter((one) => one.has(2)).length;
    expect(kept).toBeGreaterThan(16);
    expect(kept).toBeLessThan(48);
  });

  test('nothing happens without a seed or at rate 0', () => {
    const x = sample();
    expect(dropout(x, 0.5, null, 1)).toBe(x);
    expect(dropPath(x, 0, seed, 1)).toBe(x);
  });
});
