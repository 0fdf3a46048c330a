import { type Tensor, tf } from '../engine.ts';
import { hasNativeKernels, rawOp1 } from '../raw-op.ts';

/*
 * Random layers. Each draws from the step's seed (ForwardMode.seed) and a stream of its own, the layer's number in its
 * network: the same step draws the same again, resumed or computed twice, and no two layers draw alike.
 */

/** Spreads streams over the seed's second word: 2^32 over the golden ratio, odd, so that no two of 2^32 streams meet. */
const STREAM_STEP = 0x9e3779b9;

/** A stream's own seed of the step's: int32 [2]. */
function streamSeed(seed: Tensor, stream: number): Tensor {
  return tf.add(seed, tf.tensor1d([0, Math.imul(stream, STREAM_STEP)], 'int32'));
}

/** A seed's single number, for backends that know no stateless kernels. Reads the seed back. */
function plainSeed(seed: Tensor, stream: number): number {
  const [first = 0, second = 0] = streamSeed(seed, stream).dataSync();
  // tfjs's generator takes a seed of moderate size.
  return ((Math.imul(first, 0x85ebca6b) ^ second) >>> 1) % 1_000_003;
}

const ATTRIBUTES = { T: { dtype: 'int32' }, Tseed: { dtype: 'int32' }, dtype: { dtype: 'float32' } } as const;

/** Uniform numbers in [0, 1), a pure function of seed and stream. `seed`: int32 [2]. */
export function randomUniform(shape: readonly number[], seed: Tensor, stream: number): Tensor {
  return tf.tidy(() => {
    if (!hasNativeKernels()) return tf.randomUniform([...shape] as [number], 0, 1, 'float32', plainSeed(seed, stream));
    const size = tf.tensor1d([...shape], 'int32');
    return rawOp1('StatelessRandomUniform', ATTRIBUTES, [size, streamSeed(seed, stream)]);
  });
}

/** Normal numbers of mean 0 and deviation 1, a pure function of seed and stream. `seed`: int32 [2]. */
export function randomNormal(shape: readonly number[], seed: Tensor, stream: number): Tensor {
  return tf.tidy(() => {
    if (!hasNativeKernels()) return tf.randomNormal([...shape] as [number], 0, 1, 'float32', plainSeed(seed, stream));
    const size = tf.tensor1d([...shape], 'int32');
    return rawOp1('StatelessRandomNormal', ATTRIBUTES, [size, streamSeed(seed, stream)]);
  });
}

/** 1 / (1 - rate) with probability 1 - rate, else 0. */
function keepMask(shape: readonly number[], rate: number, seed: Tensor, stream: number): Tensor {
  const kept = tf.greaterEqual(randomUniform(shape, seed, stream), rate);
  return tf.mul(tf.cast(kept, 'float32'), 1 / (1 - rate));
}

function masked<T extends Tensor>(
  x: T,
  shape: readonly number[],
  rate: number,
  seed: Tensor | null,
  stream: number,
): T {
  if (seed === null || rate === 0) return x;
  const mask = keepMask(shape, rate, seed, stream);
  const op = tf.customGrad((...inputs) => {
    const [input, save] = inputs as unknown as [Tensor, (tensors: Tensor[]) => void];
    save([mask]);
    return { value: tf.mul(input, mask), gradFunc: (dy: Tensor, saved: Tensor[]) => tf.mul(dy, saved[0] as Tensor) };
  });
  return op(x) as T;
}

/** Each value is 0 with probability `rate`, else divided by 1 - rate; nothing without a seed. Srivastava et al., 2014. */
export function dropout<T extends Tensor>(x: T, rate: number, seed: Tensor | null, stream: number): T {
  return masked(x, x.shape, rate, seed, stream);
}

/**
 * Stochastic depth (Huang et al., arXiv:1603.09382) as timm's and MONAI's DropPath: each sample (first axis) of a residual
 * branch is 0 with probability `rate`, else divided by 1 - rate; nothing without a seed.
 */
export function dropPath<T extends Tensor>(x: T, rate: number, seed: Tensor | null, stream: number): T {
  return masked(x, [x.shape[0] as number, ...x.shape.slice(1).map(() => 1)], rate, seed, stream);
}
