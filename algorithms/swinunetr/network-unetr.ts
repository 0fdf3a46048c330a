import { type Tensor1D, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { activate, parseActivation } from '@voxhelm/nn/layers/activation';
import { conv } from '@voxhelm/nn/layers/conv';
import { convTranspose } from '@voxhelm/nn/layers/conv-transpose';
import { normAct } from '@voxhelm/nn/layers/instance-norm';
import { type ParameterSpec, type Parameters, parameter } from '@voxhelm/nn/network';
import type { NormOptions, Triple } from './network-options.ts';

/*
 * The convolutional blocks of UNETR (Hatamizadeh et al., arXiv:2103.10504) that SwinUNETR's decoder is made of, as MONAI's
 * UnetResBlock and UnetrUpBlock.
 */

const LEAKY_RELU = parseActivation(['leakyrelu', { negative_slope: 0.01 }]);
const NONE = parseActivation('identity');

/** A convolution's weight by PyTorch's initialisation. For a transposed one `shape` begins [in, out]. */
export function convSpec(
  name: string,
  shape: readonly number[],
  kind: 'conv' | 'conv-transpose' = 'conv',
): ParameterSpec {
  const fanIn = shape.slice(1).reduce((product, n) => product * n, 1);
  return { name, shape, kind, init: { rule: 'uniform-fan-in', fanIn } };
}

function normSpecs(name: string, channels: number, { affine }: NormOptions): ParameterSpec[] {
  if (!affine) return [];
  return [
    { name: `${name}.weight`, shape: [channels], kind: 'scale', init: { rule: 'ones' } },
    { name: `${name}.bias`, shape: [channels], kind: 'vector', init: { rule: 'zeros' } },
  ];
}

/** Parameters of a residual block of two 3x3x3 convolutions. */
export function resBlockSpecs(name: string, out: number, into: number, norm: NormOptions): ParameterSpec[] {
  return [
    convSpec(`${name}.conv1.conv.weight`, [out, into, 3, 3, 3]),
    convSpec(`${name}.conv2.conv.weight`, [out, out, 3, 3, 3]),
    ...normSpecs(`${name}.norm1`, out, norm),
    ...normSpecs(`${name}.norm2`, out, norm),
    ...(into === out
      ? []
      : [convSpec(`${name}.conv3.conv.weight`, [out, into, 1, 1, 1]), ...normSpecs(`${name}.norm3`, out, norm)]),
  ];
}

/** Two convolutions beside the input, which is projected where the number of channels changes. */
export function resBlock(parameters: Parameters, name: string, x: Tensor5D, norm: NormOptions): Tensor5D {
  const part = (input: Tensor5D, number: 1 | 2 | 3, activation = NONE): Tensor5D => {
    const y = conv(input, parameter(parameters, `${name}.conv${number}.conv.weight`));
    const [channels, own] = [y.shape[4], `${name}.norm${number}`];
    const scale = norm.affine ? parameter(parameters, `${own}.weight`) : tf.ones([channels]);
    const bias = norm.affine ? parameter(parameters, `${own}.bias`) : tf.zeros([channels]);
    return normAct(y, scale as Tensor1D, bias as Tensor1D, activation, norm.epsilon);
  };
  const y = part(part(x, 1, LEAKY_RELU), 2);
  const skip = parameters.has(`${name}.conv3.conv.weight`) ? part(x, 3) : x;
  return activate(tf.add(y, skip), LEAKY_RELU);
}

/** Parameters of a step of the decoder. */
export function upBlockSpecs(name: string, out: number, into: number, norm: NormOptions): ParameterSpec[] {
  return [
    convSpec(`${name}.transp_conv.conv.weight`, [into, out, 2, 2, 2], 'conv-transpose'),
    ...resBlockSpecs(`${name}.conv_block`, out, 2 * out, norm),
  ];
}

/** Doubles each axis, joins the skip's channels, then a residual block. */
export function upBlock(
  parameters: Parameters,
  name: string,
  x: Tensor5D,
  skip: Tensor5D,
  norm: NormOptions,
): Tensor5D {
  const double: Triple = [2, 2, 2];
  const up = convTranspose(x, parameter(parameters, `${name}.transp_conv.conv.weight`), double);
  return resBlock(parameters, `${name}.conv_block`, tf.concat([up, skip], 4), norm);
}
