import { type Tensor, type Tensor1D, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { activate } from '@voxhelm/nn/layers/activation';
import { conv, type Triple } from '@voxhelm/nn/layers/conv';
import { normAct } from '@voxhelm/nn/layers/instance-norm';
import { resizeTrilinear } from '@voxhelm/nn/layers/resize-trilinear';
import { type ParameterSpec, type Parameters, parameter } from '@voxhelm/nn/network';
import type { DintsOptions } from './network-options.ts';

/*
 * The blocks that DiNTS's cells and stems are made of (MONAI's dints_block): activation, convolution without bias, norm.
 * Tensors are [batch, x, y, z, channel].
 */

const IDENTITY = { name: 'identity', alpha: 0 };
/** The flat kernel of each P3D operation, and the one across it. */
const P3D: readonly (readonly [Triple, Triple])[] = [
  [
    [3, 3, 1],
    [1, 1, 3],
  ],
  [
    [3, 1, 3],
    [1, 3, 1],
  ],
  [
    [1, 3, 3],
    [3, 1, 1],
  ],
];

/** A convolution's weight. */
export function convSpec(name: string, out: number, into: number, kernel: Triple): ParameterSpec {
  const fanIn = into * kernel[0] * kernel[1] * kernel[2];
  return {
    name: `${name}.weight`,
    shape: [out, into, ...kernel],
    kind: 'conv',
    init: { rule: 'uniform-fan-in', fanIn },
  };
}

/** A norm's scale and bias; none without affine. */
export function normSpecs(name: string, channels: number, { normAffine }: DintsOptions): ParameterSpec[] {
  if (!normAffine) return [];
  return [
    { name: `${name}.weight`, shape: [channels], kind: 'scale', init: { rule: 'ones' } },
    { name: `${name}.bias`, shape: [channels], kind: 'vector', init: { rule: 'zeros' } },
  ];
}

/** The weight of that name's convolution, applied. */
export function convOf(parameters: Parameters, name: string, x: Tensor5D, stride: Triple = [1, 1, 1]): Tensor5D {
  return conv(x, parameter(parameters, `${name}.weight`), stride);
}

/** The norm of that name. `factor` scales its result: folded into scale and bias, it costs no pass over the voxels. */
export function normOf(
  parameters: Parameters,
  name: string,
  x: Tensor5D,
  options: DintsOptions,
  { factor = null, rectified = false }: { factor?: Tensor | null; rectified?: boolean } = {},
): Tensor5D {
  const { normAffine, normEpsilon } = options;
  const own = (key: 'weight' | 'bias', standard: (shape: [number]) => Tensor): Tensor => {
    const vector = normAffine ? parameter(parameters, `${name}.${key}`) : standard([x.shape[4]]);
    return factor === null ? vector : tf.mul(vector, factor);
  };
  const [scale, bias] = [own('weight', tf.ones) as Tensor1D, own('bias', tf.zeros) as Tensor1D];
  return normAct(x, scale, bias, rectified ? options.activation : IDENTITY, normEpsilon);
}

/** The activation of the options. */
export function act(x: Tensor5D, options: DintsOptions): Tensor5D {
  return activate(x, options.activation);
}

/** Parameters of the cell operation of that code; a skip has none. */
export function operationSpecs(name: string, code: number, channels: number, options: DintsOptions): ParameterSpec[] {
  if (code === 0) return [];
  const kernels: readonly Triple[] = code === 1 ? [[3, 3, 3]] : (P3D[code - 2] as readonly Triple[]);
  const convs = kernels.map((kernel, i) => convSpec(`${name}.conv${i === 0 ? '' : '_1'}`, channels, channels, kernel));
  return [...convs, ...normSpecs(`${name}.norm`, channels, options)];
}

/** A cell operation but the skip, of an input that is activated already (all operations of a cell share that). */
export function operation(
  parameters: Parameters,
  name: string,
  code: number,
  activated: Tensor5D,
  options: DintsOptions,
  factor: Tensor | null,
): Tensor5D {
  let y = convOf(parameters, `${name}.conv`, activated);
  if (code > 1) y = convOf(parameters, `${name}.conv_1`, y);
  return normOf(parameters, `${name}.norm`, y, options, { factor });
}

/** Parameters of what comes ahead of a cell's operations. */
export function preprocessSpecs(
  name: string,
  change: 'down' | 'keep' | 'up',
  [into, out]: readonly [number, number],
  options: DintsOptions,
): ParameterSpec[] {
  if (change === 'keep') return [];
  const half = Math.floor(out / 2);
  const convs =
    change === 'up'
      ? [convSpec(`${name}.conv`, out, into, [1, 1, 1])]
      : [convSpec(`${name}.conv_1`, half, into, [1, 1, 1]), convSpec(`${name}.conv_2`, out - half, into, [1, 1, 1])];
  return [...convs, ...normSpecs(`${name}.norm`, out, options)];
}

/** Doubles the grid: trilinear with corners aligned, activation, 1x1x1 convolution, norm. */
export function increase(parameters: Parameters, name: string, x: Tensor5D, options: DintsOptions): Tensor5D {
  const y = convOf(parameters, `${name}.conv`, act(resizeTrilinear(x, doubled(x), true), options));
  return normOf(parameters, `${name}.norm`, y, options);
}

/** The sizes of a grid twice as fine. */
export function doubled(x: Tensor5D): Triple {
  return [2 * x.shape[1], 2 * x.shape[2], 2 * x.shape[3]];
}

/** Halves the grid: half the channels from the voxels at even places, half from those at odd ones (on every axis). */
export function reduce(parameters: Parameters, name: string, x: Tensor5D, options: DintsOptions): Tensor5D {
  const [batch, sx, sy, sz, channels] = x.shape;
  const [hx, hy, hz] = [sx / 2, sy / 2, sz / 2];
  // Pairs of voxels as axes of their own: a slice of them reads every second voxel, and its gradient is a padding.
  const pairs = tf.reshape(act(x, options), [batch * hx, 2, hy, 2, hz, 2 * channels]);
  const every = (first: 0 | 1): Tensor5D => {
    const voxels = tf.slice(pairs, [0, first, 0, first, 0, first * channels], [batch * hx, 1, hy, 1, hz, channels]);
    return tf.reshape(voxels, [batch, hx, hy, hz, channels]) as Tensor5D;
  };
  const parts = [convOf(parameters, `${name}.conv_1`, every(0)), convOf(parameters, `${name}.conv_2`, every(1))];
  return normOf(parameters, `${name}.norm`, tf.concat(parts, 4) as Tensor5D, options);
}
