import { type Tensor5D, tf } from '@voxhelm/nn/engine';
import { conv, pointwiseConv, type Triple } from '@voxhelm/nn/layers/conv';
import { batchCounters, type Norm, normAct, normSpecs } from '@voxhelm/nn/layers/norm';
import { type Upsample, upsampled, upsampleSpecs } from '@voxhelm/nn/layers/upsample';
import {
  type ForwardMode,
  type Network,
  type NetworkFactory,
  type ParameterSpec,
  type Parameters,
  parameter,
} from '@voxhelm/nn/network';
import { blockOf } from '@voxhelm/nn/recompute';
import { readSegResNetOptions, type SegResNetOptions } from './network-options.ts';

/*
 * SegResNet with deep supervision, as MONAI's SegResNetDS: a residual encoder, a light decoder that adds the skips, and a
 * head at each of the finest levels. Myronenko, "3D MRI brain tumor segmentation using autoencoder regularization",
 * arXiv:1810.11654, without the autoencoder branch.
 */

function convSpec(name: string, out: number, into: number, kernel: Triple): ParameterSpec {
  const fanIn = into * kernel[0] * kernel[1] * kernel[2];
  return { name, shape: [out, into, ...kernel], kind: 'conv', init: { rule: 'uniform-fan-in', fanIn } };
}

function blockSpecs(name: string, channels: number, kernel: Triple, norm: Norm): ParameterSpec[] {
  return [
    ...normSpecs(`${name}.norm1`, channels, norm),
    convSpec(`${name}.conv1.weight`, channels, channels, kernel),
    ...normSpecs(`${name}.norm2`, channels, norm),
    convSpec(`${name}.conv2.weight`, channels, channels, kernel),
  ];
}

function headSpecs(name: string, channels: number, classes: number): ParameterSpec[] {
  return [
    convSpec(`${name}.weight`, classes, channels, [1, 1, 1]),
    { name: `${name}.bias`, shape: [classes], kind: 'vector', init: { rule: 'uniform-fan-in', fanIn: channels } },
  ];
}

function encoderSpecs(options: SegResNetOptions): ParameterSpec[] {
  const { blocksDown, initFilters, inChannels, kernels, norm } = options;
  const specs = [convSpec('encoder.conv_init.weight', initFilters, inChannels, kernels[0] as Triple)];
  blocksDown.forEach((blocks, level) => {
    const channels = initFilters * 2 ** level;
    const kernel = kernels[level] as Triple;
    const name = `encoder.layers.${level}`;
    for (let i = 0; i < blocks; i++) specs.push(...blockSpecs(`${name}.blocks.${i}`, channels, kernel, norm));
    if (level < blocksDown.length - 1)
      specs.push(convSpec(`${name}.downsample.weight`, 2 * channels, channels, kernel));
  });
  return specs;
}

/** The step up to a level, which halves the channels. */
function upsampleTo(level: number, { initFilters, kernels, strides, upsampleMode }: SegResNetOptions): Upsample {
  const out = initFilters * 2 ** level;
  return { mode: upsampleMode, into: 2 * out, out, kernel: kernels[level] as Triple, stride: strides[level] as Triple };
}

function decoderSpecs(options: SegResNetOptions): ParameterSpec[] {
  const { blocksUp, heads, initFilters, kernels, norm, outChannels } = options;
  // A network of one level has no decoder, just a head.
  if (blocksUp.length === 0) return headSpecs('up_layers.0.head', initFilters, outChannels);
  return blocksUp.flatMap((blocks, step) => {
    const level = blocksUp.length - 1 - step;
    const channels = initFilters * 2 ** level;
    const kernel = kernels[level] as Triple;
    const name = `up_layers.${step}`;
    const specs = upsampleSpecs(`${name}.upsample`, upsampleTo(level, options));
    for (let i = 0; i < blocks; i++) specs.push(...blockSpecs(`${name}.blocks.${i}`, channels, kernel, norm));
    if (level < heads) specs.push(...headSpecs(`${name}.head`, channels, outChannels));
    return specs;
  });
}

/** norm, activation, convolution. */
function preactivated(
  parameters: Parameters,
  name: string,
  part: 1 | 2,
  x: Tensor5D,
  options: SegResNetOptions,
  mode: ForwardMode,
): Tensor5D {
  const y = normAct(parameters, `${name}.norm${part}`, x, options.norm, options.activation, mode);
  return conv(y, parameter(parameters, `${name}.conv${part}.weight`));
}

function residualBlock(
  parameters: Parameters,
  name: string,
  x: Tensor5D,
  options: SegResNetOptions,
  mode: ForwardMode,
): Tensor5D {
  return blockOf(mode, parameters, `${name}.`, [x] as const, (own, [input]): Tensor5D => {
    const y = preactivated(own, name, 1, input, options, mode);
    return tf.add(preactivated(own, name, 2, y, options, mode), input);
  });
}

/** The output of each level before it is halved, finest first. */
function encode(parameters: Parameters, image: Tensor5D, options: SegResNetOptions, mode: ForwardMode): Tensor5D[] {
  let x = conv(image, parameter(parameters, 'encoder.conv_init.weight'));
  return options.blocksDown.map((blocks, level) => {
    const name = `encoder.layers.${level}`;
    for (let i = 0; i < blocks; i++) x = residualBlock(parameters, `${name}.blocks.${i}`, x, options, mode);
    const output = x;
    if (level < options.blocksDown.length - 1) {
      x = conv(x, parameter(parameters, `${name}.downsample.weight`), options.strides[level] as Triple);
    }
    return output;
  });
}

function head(parameters: Parameters, step: number, x: Tensor5D): Tensor5D {
  const name = `up_layers.${step}.head`;
  return pointwiseConv(x, parameter(parameters, `${name}.weight`), parameter(parameters, `${name}.bias`));
}

/** Logits of each head, finest first; only of the finest when not training. */
function decode(parameters: Parameters, levels: Tensor5D[], options: SegResNetOptions, mode: ForwardMode): Tensor5D[] {
  const { blocksUp } = options;
  const heads = mode.training ? options.heads : 1;
  let x = levels[levels.length - 1] as Tensor5D;
  if (blocksUp.length === 0) return [head(parameters, 0, x)];
  const logits: Tensor5D[] = [];
  blocksUp.forEach((blocks, step) => {
    const level = blocksUp.length - 1 - step;
    const name = `up_layers.${step}`;
    x = upsampled(parameters, `${name}.upsample`, x, upsampleTo(level, options));
    x = tf.add(x, levels[level] as Tensor5D);
    for (let i = 0; i < blocks; i++) x = residualBlock(parameters, `${name}.blocks.${i}`, x, options, mode);
    if (level < heads) logits.unshift(head(parameters, step, x));
  });
  return logits;
}

/**
 * SegResNetDS of MONAI's options: spatial_dims 3, init_filters, in_channels, out_channels, act, norm (batch, group, instance),
 * blocks_down, blocks_up, dsdepth, upsample_mode, resolution (voxel sizes, for anisotropic strides and kernels).
 * Throws `invalid-request` naming a wrong option.
 */
export const segResNet: NetworkFactory = (given): Network => {
  const options = readSegResNetOptions(given);
  const levels = options.blocksDown.length;
  const divisor = [0, 1, 2].map((axis) =>
    options.strides.slice(0, levels - 1).reduce((product, stride) => product * (stride[axis] as number), 1),
  );
  const specs = [...encoderSpecs(options), ...decoderSpecs(options)];
  return {
    class: 'SegResNetDS',
    options: given,
    inChannels: options.inChannels,
    outChannels: options.outChannels,
    heads: options.heads,
    divisor: divisor as unknown as Triple,
    encoder: ['encoder.'],
    specs,
    stateDict: { aliases: new Map(), buffers: () => batchCounters(specs) },
    forward(parameters, x, mode) {
      return decode(parameters, encode(parameters, x, options, mode), options, mode);
    },
  };
};
