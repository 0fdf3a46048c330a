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

/** As {@link normalizeSample}, with statistics that hold for many voxels; its last three outputs feed the gradient alike. */
function normalizeLongSample(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor[] {
  const voxels = x.shape[1] as number;
  const mean = tf.div(channelSums(x), voxels);
  const variance = tf.div(channelSums(tf.squaredDifference(x, mean)), voxels);
  const attributes = { ...NORM_TYPES, epsilon: { float: epsilon }, is_training: { bool: false } };
  const y = rawOp('FusedBatchNormV3', attributes, [x, scale, bias, mean, variance], 6)[0] as Tensor;
  return [y, mean, variance, mean, variance, mean];
}

function normalizeSample(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor[] {
  if ((x.shape[1] as number) >= LONG_SUM && sumsInParts()) return normalizeLongSample(x, scale, bias, epsilon);
  // In training the kernel takes its statistics from x; mean and variance go in empty.
  const empty = tf.tensor1d([], 'float32');
  const attributes = { ...NORM_TYPES, epsilon: { float: epsilon }, is_training: { bool: true } };
  return rawOp('FusedBatchNormV3', attributes, [x, scale, bias, empty, empty], 6);
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
      const attributes = { ...NORM_TYPES, epsilon: { float: epsilon }, is_training: { bool: true } };
      const xs = samples(savedInput);
      const gradients = samples(upstream as Tensor5D).map((g, i) =>
        rawOp(
          'FusedBatchNormGradV3',
          attributes,
          [g, xs[i] as Tensor, savedGamma, ...reserves.slice(3 * i, 3 * i + 3)],
          5,
        ),
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
