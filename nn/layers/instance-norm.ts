import { type Tensor, type Tensor1D, type Tensor5D, tf } from '../engine.ts';
import { hasNativeKernels, rawOp, rawOp1 } from '../raw-op.ts';
import { type Activation, activate } from './activation.ts';

/*
 * Instance norm: per sample and channel, biased variance over the voxels, as PyTorch's InstanceNorm3d. An activation follows
 * in the same function, so that relu and leaky relu can share the norm's kernels and the norm's output need not be kept for the gradient.
 */

/** PyTorch's standard epsilon. */
export const NORM_EPSILON = 1e-5;

const NORM_TYPES = { T: { dtype: 'float32' }, U: { dtype: 'float32' }, data_format: { text: 'NHWC' } } as const;
const FLOAT = { T: { dtype: 'float32' } } as const;

/**
 * TensorFlow's CPU kernel adds up a channel voxel by voxel in single precision: of 64^3 voxels the variance is off by 3e-5,
 * of 96^3 by 2e-4. From this many voxels on the statistics are summed in parts, which takes as long.
 */
const LONG_SUM = 2 ** 17;
/** Parts of a long sum. */
const SUM_PARTS = 64;

function sumsInParts(): boolean {
  return (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice !== true;
}

/** Sum over the voxels of [1, voxels, 1, channels], in parts as long as they divide. Result: [channels]. */
function channelSums(x: Tensor): Tensor {
  const [, voxels, , channels] = x.shape as [number, number, number, number];
  if (voxels % SUM_PARTS !== 0) return tf.sum(x, [0, 1, 2]);
  // Rows of many channels beside each other: one pass over memory, as for the plain sum.
  const parts = tf.sum(tf.reshape(x, [voxels / SUM_PARTS, SUM_PARTS * channels]), 0);
  return tf.sum(tf.reshape(parts, [SUM_PARTS, channels]), 0);
}

/** oneDNN's fast kernels take multiples of so many channels; others (12, 24) wait five times as long. */
const FAST_CHANNELS = 16;
/** Fewer voxels are not worth the further kernels. */
const LEAST_PACKED = 2 ** 13;

/**
 * How many neighbouring voxels are taken for one with as many times the channels, so that the fast kernels take them; 1 where
 * they do anyway, or where it is not worth it.
 */
function packOf(x: Tensor): number {
  const [, voxels, , channels] = x.shape as [number, number, number, number];
  let pack = 1;
  while ((pack * channels) % FAST_CHANNELS !== 0) pack *= 2;
  return pack <= FAST_CHANNELS && voxels >= LEAST_PACKED && voxels % pack === 0 && sumsInParts() ? pack : 1;
}

/** [1, voxels, 1, channels] as [1, voxels / pack, 1, pack * channels]: the same memory. */
function packed(x: Tensor, pack: number): Tensor {
  const [, voxels, , channels] = x.shape as [number, number, number, number];
  return pack === 1 ? x : tf.reshape(x, [1, voxels / pack, 1, pack * channels]);
}

/** A vector over the channels for packed voxels. */
function tiled(vector: Tensor, pack: number): Tensor {
  return pack === 1 ? vector : tf.tile(vector, [pack]);
}

type Vectors = readonly [scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor];

/** (x - mean) / sqrt(variance + epsilon) * scale + bias. */
function normalizeBy(x: Tensor, vectors: Vectors, epsilon: number): Tensor {
  const pack = packOf(x);
  const attributes = { ...NORM_TYPES, epsilon: { float: epsilon }, is_training: { bool: false } };
  const inputs = [packed(x, pack), ...vectors.map((vector) => tiled(vector, pack))];
  return tf.reshape(rawOp('FusedBatchNormV3', attributes, inputs, 6)[0] as Tensor, x.shape as never);
}

/** Mean and biased variance of each channel over many voxels. */
function longStatistics(x: Tensor): [Tensor, Tensor] {
  const voxels = x.shape[1] as number;
  const mean = tf.div(channelSums(x), voxels);
  return [mean, tf.div(channelSums(tf.squaredDifference(x, mean)), voxels)];
}

/** Mean and biased variance of each channel, put together from those of every `pack`th voxel, which a fast kernel finds. */
function packedStatistics(x: Tensor, pack: number, epsilon: number): [Tensor, Tensor] {
  const [, voxels, , channels] = x.shape as [number, number, number, number];
  const length = pack * channels;
  const empty = tf.tensor1d([], 'float32');
  const attributes = { ...NORM_TYPES, epsilon: { float: epsilon }, is_training: { bool: true } };
  const inputs = [packed(x, pack), tf.ones([length]), tf.zeros([length]), empty, empty];
  const [, means, variances] = rawOp('FusedBatchNormV3', attributes, inputs, 6).map((one, i) =>
    i === 1 || i === 2 ? tf.reshape(one, [pack, channels]) : one,
  ) as [Tensor, Tensor, Tensor];
  const mean = tf.mean(means, 0);
  // The kernel's variance is the unbiased one.
  const within = tf.mul(variances, 1 - pack / voxels);
  return [mean, tf.mean(tf.add(within, tf.squaredDifference(means, mean)), 0)];
}

/** The norm of one sample; its last three outputs feed {@link sampleGradient}. */
function normalizeSample(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor[] {
  const pack = packOf(x);
  const isLong = (x.shape[1] as number) >= LONG_SUM && sumsInParts();
  if (isLong || pack > 1) {
    const [mean, variance] = isLong ? longStatistics(x) : packedStatistics(x, pack, epsilon);
    const y = normalizeBy(x, [scale, bias, mean, variance], epsilon);
    return [y, mean, variance, mean, variance, mean];
  }
  // In training the kernel takes its statistics from x; mean and variance go in empty.
  const empty = tf.tensor1d([], 'float32');
  const attributes = { ...NORM_TYPES, epsilon: { float: epsilon }, is_training: { bool: true } };
  return rawOp('FusedBatchNormV3', attributes, [x, scale, bias, empty, empty], 6);
}

/** Gradients of {@link normalizeSample} by x, scale and bias. */
function sampleGradient(dy: Tensor, x: Tensor, scale: Tensor, reserves: Tensor[], epsilon: number): Tensor[] {
  const pack = packOf(x);
  const attributes = { ...NORM_TYPES, epsilon: { float: epsilon }, is_training: { bool: pack === 1 } };
  if (pack === 1) return rawOp('FusedBatchNormGradV3', attributes, [dy, x, scale, ...reserves], 5).slice(0, 3);
  const [mean, variance, third] = reserves as [Tensor, Tensor, Tensor];
  const inputs = [packed(dy, pack), packed(x, pack), ...[scale, mean, variance, third].map((one) => tiled(one, pack))];
  const [direct, ...sums] = rawOp('FusedBatchNormGradV3', attributes, inputs, 5) as [Tensor, Tensor, Tensor];
  const [byScale, byBias] = [0, 1].map((i) => tf.sum(tf.reshape(sums[i] as Tensor, [pack, -1]), 0)) as [Tensor, Tensor];
  // The kernel took mean and variance for given; what x does through them is a norm of x with other vectors.
  const share = tf.mul(tf.mul(scale, tf.rsqrt(tf.add(variance, epsilon))), -1 / (x.shape[1] as number));
  const through = normalizeBy(x, [tf.mul(share, byScale), tf.mul(share, byBias), mean, variance], epsilon);
  return [tf.add(tf.reshape(direct, x.shape as never), through), byScale, byBias];
}

/** [batch, ...] as one [1, voxels, 1, channel] view for each sample (views share memory). */
function samples(x: Tensor5D): Tensor[] {
  const [batch, sx, sy, sz, channels] = x.shape;
  if (batch === 1) return [tf.reshape(x, [1, sx * sy * sz, 1, channels])];
  const flat = tf.reshape(x, [batch, sx * sy * sz, 1, channels]);
  return tf.split(flat, batch, 0);
}

function join(parts: Tensor[], shape: readonly number[]): Tensor {
  return tf.reshape(parts.length === 1 ? (parts[0] as Tensor) : tf.concat(parts, 0), [...shape]);
}

/** Sum of a few small tensors of one shape. */
function total(parts: Tensor[]): Tensor {
  return parts.length === 1 ? (parts[0] as Tensor) : tf.addN(parts);
}

/** Relu (slope 0) or leaky relu by TensorFlow's kernels. */
function rectify(y: Tensor, slope: number): Tensor {
  return slope === 0 ? rawOp1('Relu', FLOAT, [y]) : rawOp1('LeakyRelu', { ...FLOAT, alpha: { float: slope } }, [y]);
}

/** Gradient of {@link rectify} by its input, which has the value's sign. */
function rectifyGradient(dy: Tensor, value: Tensor, slope: number): Tensor {
  if (slope === 0) return rawOp1('ReluGrad', FLOAT, [dy, value]);
  return rawOp1('LeakyReluGrad', { ...FLOAT, alpha: { float: slope } }, [dy, value]);
}

/**
 * The path over FusedBatchNormV3 and its gradient, one call per sample. `slope`: a relu (0) or leaky relu of that slope
 * follows, null: nothing does.
 */
export function fusedInstanceNorm(
  x: Tensor5D,
  scale: Tensor1D,
  bias: Tensor1D,
  epsilon: number,
  slope: number | null,
): Tensor5D {
  const op = tf.customGrad((...inputs) => {
    const [input, gamma, beta, save] = inputs as unknown as [Tensor5D, Tensor, Tensor, (tensors: Tensor[]) => void];
    const normalized = samples(input).map((sample) => normalizeSample(sample, gamma, beta, epsilon));
    const parts = normalized.map((outputs) => {
      const y = outputs[0] as Tensor;
      return slope === null ? y : rectify(y, slope);
    });
    const value = join(parts, input.shape);
    // The norm's own gradient needs no value; without an activation it would be kept for nothing.
    save([input, gamma, ...(slope === null ? [] : [value]), ...normalized.flatMap((outputs) => outputs.slice(3))]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor[] => {
      const [savedInput, savedGamma, ...rest] = saved as [Tensor5D, Tensor, ...Tensor[]];
      const reserves = slope === null ? rest : rest.slice(1);
      const upstream = slope === null ? dy : rectifyGradient(dy, rest[0] as Tensor, slope);
      const xs = samples(savedInput);
      const gradients = samples(upstream as Tensor5D).map((g, i) =>
        sampleGradient(g, xs[i] as Tensor, savedGamma, reserves.slice(3 * i, 3 * i + 3), epsilon),
      );
      return [
        join(
          gradients.map((g) => g[0] as Tensor),
          savedInput.shape,
        ),
        total(gradients.map((g) => g[1] as Tensor)),
        total(gradients.map((g) => g[2] as Tensor)),
      ];
    };
    return { value, gradFunc };
  });
  return op(x, scale, bias) as Tensor5D;
}

/** The path over plain tfjs ops, for backends without TensorFlow's kernels. */
export function plainInstanceNorm(x: Tensor5D, scale: Tensor1D, bias: Tensor1D, epsilon: number): Tensor5D {
  const { mean, variance } = tf.moments(x, [1, 2, 3], true);
  const normalized = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
  return tf.add(tf.mul(normalized, scale), bias);
}

/**
 * Instance norm with scale and bias, then the activation.
 * `x`: [batch, x, y, z, channel]; `scale`, `bias`: [channel]; the shape stays.
 */
export function normAct(
  x: Tensor5D,
  scale: Tensor1D,
  bias: Tensor1D,
  activation: Activation,
  epsilon: number = NORM_EPSILON,
): Tensor5D {
  if (!hasNativeKernels()) return activate(plainInstanceNorm(x, scale, bias, epsilon), activation);
  if (activation.name === 'relu') return fusedInstanceNorm(x, scale, bias, epsilon, 0);
  if (activation.name === 'leakyrelu' && activation.alpha >= 0)
    return fusedInstanceNorm(x, scale, bias, epsilon, activation.alpha);
  return activate(fusedInstanceNorm(x, scale, bias, epsilon, null), activation);
}
