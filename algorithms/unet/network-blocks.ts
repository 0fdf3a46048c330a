import { type Tensor, type Tensor1D, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { activate, parseActivation } from '@voxhelm/nn/layers/activation';
import { conv } from '@voxhelm/nn/layers/conv';
import { normAct } from '@voxhelm/nn/layers/instance-norm';
import { type ParameterSpec, type Parameters, parameter } from '@voxhelm/nn/network';
import type { Triple, UnetOptions } from './network-options.ts';

/*
 * What nnU-Net's networks are built of: convolution, norm, activation ("ConvDropoutNormReLU"), stacks of them, and the
 * residual block of ResNet-D (He et al., "Bag of tricks", arXiv:1812.01187).
 */

/** What a block takes of the network's options. */
export type BlockOptions = Pick<UnetOptions, 'convBias' | 'norm' | 'activation' | 'activationFirst'>;

const NO_ACTIVATION = parseActivation('identity');
/** nnU-Net's InitWeights_He: Kaiming normal for leaky relu with slope 0.01, biases 0. */
const HE_GAIN = Math.sqrt(2 / (1 + 0.01 ** 2));

/** A convolution's weight (and bias) by nnU-Net's initialisation. For a transposed one `shape` begins [in, out]. */
export function convSpecs(
  name: string,
  kind: 'conv' | 'conv-transpose',
  channels: readonly [number, number],
  kernel: Triple,
  bias: boolean,
): ParameterSpec[] {
  // PyTorch takes the fan-in of either from the second axis.
  const fanIn = channels[1] * kernel[0] * kernel[1] * kernel[2];
  const out = kind === 'conv' ? channels[0] : channels[1];
  const init = { rule: 'normal', standardDeviation: HE_GAIN / Math.sqrt(fanIn) } as const;
  return [
    { name: `${name}.weight`, shape: [...channels, ...kernel], kind, init },
    ...(bias ? [{ name: `${name}.bias`, shape: [out], kind: 'vector', init: { rule: 'zeros' } } as const] : []),
  ];
}

/** Parameters of convolution and norm. `zeroNorm`: the norm starts at 0, so that a residual block starts as identity. */
export function convNormSpecs(
  name: string,
  out: number,
  into: number,
  kernel: Triple,
  options: BlockOptions,
  zeroNorm = false,
): ParameterSpec[] {
  const specs = convSpecs(`${name}.conv`, 'conv', [out, into], kernel, options.convBias);
  if (options.norm?.affine !== true) return specs;
  const scale = zeroNorm ? ({ rule: 'zeros' } as const) : ({ rule: 'ones' } as const);
  return [
    ...specs,
    { name: `${name}.norm.weight`, shape: [out], kind: 'scale', init: scale },
    { name: `${name}.norm.bias`, shape: [out], kind: 'vector', init: { rule: 'zeros' } },
  ];
}

/** Parameters of a stack of convolutions. */
export function stackSpecs(
  name: string,
  convs: number,
  out: number,
  into: number,
  kernel: Triple,
  options: BlockOptions,
): ParameterSpec[] {
  return Array.from({ length: convs }, (_, i) =>
    convNormSpecs(`${name}.convs.${i}`, out, i === 0 ? into : out, kernel, options),
  ).flat();
}

/** Scale and bias of an instance norm; 1 and 0 where it has no parameters. */
function normVectors(parameters: Parameters, name: string, channels: number, affine: boolean): [Tensor, Tensor] {
  if (!affine) return [tf.ones([channels]), tf.zeros([channels])];
  return [parameter(parameters, `${name}.norm.weight`), parameter(parameters, `${name}.norm.bias`)];
}

/**
 * Convolution, norm, activation. A convolution's bias right ahead of an instance norm changes nothing, for the norm takes the
 * mean away again; so it is not added to the volume, and its gradient is exactly 0 (in PyTorch: rounding noise).
 */
export function convNormAct(
  parameters: Parameters,
  name: string,
  x: Tensor5D,
  options: BlockOptions,
  stride: Triple = [1, 1, 1],
  activation = options.activation,
): Tensor5D {
  const { convBias, norm, activationFirst } = options;
  let y = conv(x, parameter(parameters, `${name}.conv.weight`), stride);
  const first = activationFirst || norm === null;
  if (convBias && first) y = tf.add(y, parameter(parameters, `${name}.conv.bias`));
  if (norm === null) return activate(y, activation);
  const [scale, shift] = normVectors(parameters, name, y.shape[4], norm.affine);
  const unused = convBias && !first ? tf.mul(parameter(parameters, `${name}.conv.bias`), 0) : null;
  const bias = (unused === null ? shift : tf.add(shift, unused)) as Tensor1D;
  if (!activationFirst) return normAct(y, scale as Tensor1D, bias, activation, norm.epsilon);
  return normAct(activate(y, activation), scale as Tensor1D, bias, NO_ACTIVATION, norm.epsilon);
}

/** A stack of convolutions, the first with a stride. */
export function stack(
  parameters: Parameters,
  name: string,
  convs: number,
  x: Tensor5D,
  options: BlockOptions,
  stride: Triple = [1, 1, 1],
): Tensor5D {
  let y = x;
  for (let i = 0; i < convs; i++)
    y = convNormAct(parameters, `${name}.convs.${i}`, y, options, i === 0 ? stride : undefined);
  return y;
}

function strided(stride: Triple): boolean {
  return stride.some((step) => step !== 1);
}

/** The projection of a residual block's skip stands behind its pooling, where it has one: "skip.0" or "skip.1". */
function projectionName(name: string, stride: Triple): string {
  return `${name}.skip.${strided(stride) ? 1 : 0}`;
}

/** Parameters of a residual block. */
export function residualSpecs(
  name: string,
  out: number,
  into: number,
  kernel: Triple,
  stride: Triple,
  options: BlockOptions,
): ParameterSpec[] {
  const projection = { ...options, convBias: false };
  return [
    ...convNormSpecs(`${name}.conv1`, out, into, kernel, options),
    ...convNormSpecs(`${name}.conv2`, out, out, kernel, options, true),
    ...(into === out ? [] : convNormSpecs(projectionName(name, stride), out, into, [1, 1, 1], projection)),
  ];
}

/** Two convolutions beside the input, which is averaged where the block has a stride and projected where it widens. */
export function residualBlock(
  parameters: Parameters,
  name: string,
  x: Tensor5D,
  out: number,
  stride: Triple,
  options: BlockOptions,
): Tensor5D {
  const inner = convNormAct(parameters, `${name}.conv1`, x, options, stride);
  const y = convNormAct(parameters, `${name}.conv2`, inner, options, undefined, NO_ACTIVATION);
  const window = [...stride] as [number, number, number];
  let skip = strided(stride) ? (tf.avgPool3d(x, window, window, 'valid') as Tensor5D) : x;
  if (x.shape[4] !== out) {
    const projection = { ...options, convBias: false };
    skip = convNormAct(parameters, projectionName(name, stride), skip, projection, undefined, NO_ACTIVATION);
  }
  return activate(tf.add(y, skip), options.activation);
}
