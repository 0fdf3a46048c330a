import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Tensor, tf } from '../engine.ts';
import { hasNativeKernels, rawOp1 } from '../raw-op.ts';

/*
 * Activations by PyTorch's definitions, under MONAI's names.
 */

/** An activation: its name in lower case, and its slope or scale where it has one. */
export interface Activation {
  readonly name: string;
  readonly alpha: number;
}

const FLOAT = { T: { dtype: 'float32' } } as const;

/** relu whose gradient is the kernel ReluGrad; tfjs's own tests for NaN and selects, which takes four times as long. */
export function relu<T extends Tensor>(x: T): T {
  if (!hasNativeKernels()) return tf.relu(x);
  const op = tf.customGrad((...inputs) => {
    const [input, save] = inputs as unknown as [Tensor, (tensors: Tensor[]) => void];
    const value = rawOp1('Relu', FLOAT, [input]);
    save([value]);
    return { value, gradFunc: (dy: Tensor, saved: Tensor[]) => rawOp1('ReluGrad', FLOAT, [dy, saved[0] as Tensor]) };
  });
  return op(x) as T;
}

/** x where positive, slope * x elsewhere, with the kernels LeakyRelu and LeakyReluGrad. A slope below 0 takes the plain way. */
export function leakyRelu<T extends Tensor>(x: T, slope: number): T {
  if (!hasNativeKernels() || slope < 0) return tf.leakyRelu(x, slope);
  const attributes = { ...FLOAT, alpha: { float: slope } };
  const op = tf.customGrad((...inputs) => {
    const [input, save] = inputs as unknown as [Tensor, (tensors: Tensor[]) => void];
    const value = rawOp1('LeakyRelu', attributes, [input]);
    // The value has the input's sign, and what follows keeps it anyway.
    save([value]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor =>
      rawOp1('LeakyReluGrad', attributes, [dy, saved[0] as Tensor]);
    return { value, gradFunc };
  });
  return op(x) as T;
}

/**
 * x * F(x) with the normal distribution's F(x) = (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel, arXiv:1606.08415), PyTorch's
 * exact form. Its gradient F(x) + x f(x) needs no second erf.
 */
export function gelu<T extends Tensor>(x: T): T {
  const op = tf.customGrad((...inputs) => {
    const [input, save] = inputs as unknown as [Tensor, (tensors: Tensor[]) => void];
    const cumulative = tf.mul(tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1), 0.5);
    save([input, cumulative]);
    const gradFunc = (dy: Tensor, saved: Tensor[]): Tensor => {
      const [at, below] = saved as [Tensor, Tensor];
      const density = tf.mul(tf.exp(tf.mul(tf.square(at), -0.5)), 1 / Math.sqrt(2 * Math.PI));
      return tf.mul(dy, tf.add(below, tf.mul(at, density)));
    };
    return { value: tf.mul(input, cumulative), gradFunc };
  });
  return op(x) as T;
}

const ACTIVATIONS: Readonly<Record<string, (x: Tensor, alpha: number) => Tensor>> = {
  relu: (x) => relu(x),
  relu6: (x) => tf.minimum(relu(x), 6),
  leakyrelu: (x, alpha) => leakyRelu(x, alpha),
  // torch's ELU with alpha a: x where positive, a * (exp(x) - 1) elsewhere
  elu: (x, alpha) =>
    alpha === 1 ? tf.elu(x) : tf.add(relu(x), tf.mul(tf.minimum(tf.expm1(tf.minimum(x, 0)), 0), alpha)),
  // torch's CELU with alpha a: x where positive, a * (exp(x / a) - 1) elsewhere
  celu: (x, alpha) => tf.add(relu(x), tf.mul(tf.expm1(tf.div(tf.minimum(x, 0), alpha)), alpha)),
  selu: (x) => tf.selu(x),
  gelu: (x) => gelu(x),
  swish: (x, alpha) => tf.mul(x, tf.sigmoid(tf.mul(x, alpha))),
  mish: (x) => tf.mul(x, tf.tanh(tf.softplus(x))),
  softplus: (x) => tf.softplus(x),
  sigmoid: (x) => tf.sigmoid(x),
  tanh: (x) => tf.tanh(x),
  identity: (x) => x,
};

const ALIASES: Readonly<Record<string, string>> = { silu: 'swish', memswish: 'swish' };
const ALPHA_OPTIONS: Readonly<Record<string, readonly [option: string, standard: number]>> = {
  leakyrelu: ['negative_slope', 0.01],
  elu: ['alpha', 1],
  celu: ['alpha', 1],
  swish: ['alpha', 1],
};

/**
 * Reads MONAI's `act` option: a name, or [name, options]. `inplace` is ignored. Throws `invalid-request` for a name or an
 * option that is not known.
 */
export function parseActivation(value: unknown): Activation {
  const [given, options] = Array.isArray(value) ? [value[0], value[1] ?? {}] : [value, {}];
  const lower = String(given).toLowerCase();
  const name = ALIASES[lower] ?? lower;
  if (!Object.hasOwn(ACTIVATIONS, name)) {
    throw new VoxhelmError('invalid-request', `the activation ${JSON.stringify(value)} is not known`, {
      fix: `Use one of ${Object.keys(ACTIVATIONS).join(', ')}.`,
      details: { option: 'act' },
    });
  }
  let alpha = ALPHA_OPTIONS[name]?.[1] ?? 0;
  for (const [key, setting] of Object.entries(options as Record<string, unknown>)) {
    if (key === 'inplace') continue;
    if (key !== ALPHA_OPTIONS[name]?.[0] || typeof setting !== 'number') {
      throw new VoxhelmError(
        'invalid-request',
        `the activation ${name} has no option ${key}=${JSON.stringify(setting)}`,
        {
          details: { option: 'act' },
        },
      );
    }
    alpha = setting;
  }
  return { name, alpha };
}

/** Applies an activation that {@link parseActivation} has read; the shape stays. */
export function activate<T extends Tensor>(x: T, activation: Activation): T {
  const apply = ACTIVATIONS[activation.name] as (x: Tensor, alpha: number) => Tensor;
  return apply(x, activation.alpha) as T;
}
