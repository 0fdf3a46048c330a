import { type Tensor, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { pointwiseConv } from '@voxhelm/nn/layers/conv';
import { layerNorm, normalizeChannels } from '@voxhelm/nn/layers/layer-norm';
import { linear } from '@voxhelm/nn/layers/linear';
import {
  type ForwardMode,
  type Network,
  type NetworkFactory,
  type ParameterSpec,
  type Parameters,
  parameter,
  type StoredBuffer,
} from '@voxhelm/nn/network';
import { blockOf } from '@voxhelm/nn/recompute';
import { blockSpecs, layerNormSpecs, transformerBlock, windowsOf } from './network-attention.ts';
import {
  type NormOptions,
  readSwinUnetrOptions,
  type StageOptions,
  type SwinUnetrOptions,
  type Triple,
} from './network-options.ts';
import { mergingOrder, relativePositions, reorder } from './network-tokens.ts';
import { convSpec, resBlock, resBlockSpecs, upBlock, upBlockSpecs } from './network-unetr.ts';

/*
 * SwinUNETR: Hatamizadeh et al., "Swin UNETR", arXiv:2201.01266, and version 2 (He et al., "SwinUNETR-V2", MICCAI 2023), as
 * MONAI 1.6.1 computes them. A transformer of four stages sees the volume at 1/2 to 1/32; a convolutional decoder joins what
 * each stage saw. Parameters by MONAI's names, in the order of its state dict.
 */

/** In the blocks ahead of version 2's stages MONAI fixes the norm. */
const STAGE_NORM = { epsilon: 1e-5, affine: false } as const;

function stageSpecs(stage: StageOptions, options: SwinUnetrOptions): ParameterSpec[] {
  const name = `swinViT.layers${stage.number}.0`;
  const { channels } = stage;
  return [
    ...Array.from({ length: stage.depth }, (_, block) => blockSpecs(`${name}.blocks.${block}`, stage, options)).flat(),
    {
      name: `${name}.downsample.reduction.weight`,
      shape: [2 * channels, 8 * channels],
      kind: 'linear',
      init: { rule: 'uniform-fan-in', fanIn: 8 * channels },
    },
    ...layerNormSpecs(`${name}.downsample.norm`, 8 * channels),
  ];
}

function transformerSpecs(options: SwinUnetrOptions): ParameterSpec[] {
  const { featureSize, inChannels, patchNorm, stages, useV2 } = options;
  const fanIn = 8 * inChannels;
  return [
    convSpec('swinViT.patch_embed.proj.weight', [featureSize, inChannels, 2, 2, 2]),
    {
      name: 'swinViT.patch_embed.proj.bias',
      shape: [featureSize],
      kind: 'vector',
      init: { rule: 'uniform-fan-in', fanIn },
    },
    ...(patchNorm ? layerNormSpecs('swinViT.patch_embed.norm', featureSize) : []),
    ...stages.flatMap((stage) => stageSpecs(stage, options)),
    ...(useV2
      ? stages.flatMap(({ number, channels }) =>
          resBlockSpecs(`swinViT.layers${number}c.0.layer`, channels, channels, STAGE_NORM),
        )
      : []),
  ];
}

/** Which of MONAI's blocks stand where; widths are multiples of the feature size. */
const DECODER = [
  { name: 'decoder5', into: 16, out: 8 },
  { name: 'decoder4', into: 8, out: 4 },
  { name: 'decoder3', into: 4, out: 2 },
  { name: 'decoder2', into: 2, out: 1 },
  { name: 'decoder1', into: 1, out: 1 },
] as const;

function decoderSpecs({ featureSize: f, inChannels, norm, outChannels }: SwinUnetrOptions): ParameterSpec[] {
  return [
    ...resBlockSpecs('encoder1.layer', f, inChannels, norm),
    ...resBlockSpecs('encoder2.layer', f, f, norm),
    ...resBlockSpecs('encoder3.layer', 2 * f, 2 * f, norm),
    ...resBlockSpecs('encoder4.layer', 4 * f, 4 * f, norm),
    ...resBlockSpecs('encoder10.layer', 16 * f, 16 * f, norm),
    ...DECODER.flatMap(({ name, into, out }) => upBlockSpecs(name, out * f, into * f, norm)),
    convSpec('out.conv.conv.weight', [outChannels, f, 1, 1, 1]),
    { name: 'out.conv.conv.bias', shape: [outChannels], kind: 'vector', init: { rule: 'uniform-fan-in', fanIn: f } },
  ];
}

function spaceOf(x: Tensor5D): Triple {
  return [x.shape[1], x.shape[2], x.shape[3]];
}

/** Patches of 2x2x2 voxels as tokens: half the size, `feature_size` channels. */
function embed(parameters: Parameters, image: Tensor5D, options: SwinUnetrOptions): Tensor5D {
  const name = 'swinViT.patch_embed';
  const patches = tf.conv3d(image, parameter(parameters, `${name}.proj.weight`) as Tensor5D, 2, 'valid');
  const x = tf.add(patches, parameter(parameters, `${name}.proj.bias`)) as Tensor5D;
  if (!options.patchNorm) return x;
  return layerNorm(x, parameter(parameters, `${name}.norm.weight`), parameter(parameters, `${name}.norm.bias`));
}

/** Joins eight neighbours to one token of twice the channels: each axis is halved (odd ones padded by one first). */
function mergePatches(
  parameters: Parameters,
  name: string,
  x: Tensor,
  size: Triple,
  options: SwinUnetrOptions,
): Tensor5D {
  const [batch, , channels] = x.shape as [number, number, number];
  const half = size.map((n) => Math.ceil(n / 2)) as unknown as Triple;
  const joined = tf.reshape(reorder(x, mergingOrder(size, options.merging)), [batch, ...half, 8 * channels]);
  const normalized = layerNorm(
    joined,
    parameter(parameters, `${name}.norm.weight`),
    parameter(parameters, `${name}.norm.bias`),
  );
  return linear(normalized, parameter(parameters, `${name}.reduction.weight`), null) as Tensor5D;
}

/**
 * One stage: blocks whose windows are shifted in every second, then patch merging. `x`: [batch, x, y, z, channel].
 * Of its own so that a test can hold it to numbers at which attention matters.
 */
export function swinStage(
  parameters: Parameters,
  x: Tensor5D,
  stage: StageOptions,
  options: SwinUnetrOptions,
  mode: ForwardMode,
  merge = true,
): Tensor5D {
  const name = `swinViT.layers${stage.number}.0`;
  const [batch, channels] = [x.shape[0], x.shape[4]];
  const size = spaceOf(x);
  const [whole, shifted] = [windowsOf(size, options.window, false), windowsOf(size, options.window, true)];
  let tokens: Tensor = tf.reshape(x, [batch, -1, channels]);
  for (let block = 0; block < stage.depth; block++) {
    const own = `${name}.blocks.${block}`;
    tokens = transformerBlock(parameters, own, tokens, stage.heads, options, block % 2 === 1 ? shifted : whole, mode);
  }
  if (!merge) return tf.reshape(tokens, [batch, ...size, channels]);
  return mergePatches(parameters, `${name}.downsample`, tokens, size, options);
}

/** What the decoder sees of each resolution, from 1/2 to 1/32. */
function transform(parameters: Parameters, image: Tensor5D, options: SwinUnetrOptions, mode: ForwardMode): Tensor5D[] {
  const seen = (x: Tensor5D): Tensor5D => (options.normalize ? normalizeChannels(x) : x);
  let x = embed(parameters, image, options);
  const states = [seen(x)];
  for (const stage of options.stages) {
    if (options.useV2) x = residual(parameters, `swinViT.layers${stage.number}c.0.layer`, x, STAGE_NORM, mode);
    x = swinStage(parameters, x, stage, options, mode);
    states.push(seen(x));
  }
  return states;
}

function residual(parameters: Parameters, name: string, x: Tensor5D, norm: NormOptions, mode: ForwardMode): Tensor5D {
  return blockOf(mode, parameters, `${name}.`, [x] as const, (own, [input]) => resBlock(own, name, input, norm));
}

function decode(
  parameters: Parameters,
  image: Tensor5D,
  states: Tensor5D[],
  { norm }: SwinUnetrOptions,
  mode: ForwardMode,
): Tensor5D {
  const block = (number: number, x: Tensor5D) => residual(parameters, `encoder${number}.layer`, x, norm, mode);
  const [half, quarter, eighth, sixteenth, deepest] = states as [Tensor5D, Tensor5D, Tensor5D, Tensor5D, Tensor5D];
  // MONAI gives the state at 1/16 to the decoder as it is.
  const skips = [sixteenth, block(4, eighth), block(3, quarter), block(2, half), block(1, image)];
  let x = block(10, deepest);
  DECODER.forEach(({ name }, step) => {
    x = blockOf(mode, parameters, `${name}.`, [x, skips[step] as Tensor5D] as const, (own, [below, skip]) =>
      upBlock(own, name, below, skip, norm),
    );
  });
  return pointwiseConv(x, parameter(parameters, 'out.conv.conv.weight'), parameter(parameters, 'out.conv.conv.bias'));
}

/** MONAI keeps each block's table of relative positions as a buffer. */
function buffersOf({ stages, window }: SwinUnetrOptions): Map<string, StoredBuffer> {
  const tokens = window[0] * window[1] * window[2];
  const data = BigInt64Array.from(relativePositions(window, tokens), BigInt);
  return new Map(
    stages.flatMap(({ depth, number }) =>
      Array.from({ length: depth }, (_, block) => [
        `swinViT.layers${number}.0.blocks.${block}.attn.relative_position_index`,
        { dtype: 'I64', shape: [tokens, tokens], data } as const,
      ]),
    ),
  );
}

/**
 * SwinUNETR of MONAI's options (network-options.ts). Axes of a patch must be multiples of 32, and one of them at least 64:
 * an instance norm over a single voxel says nothing. Throws `invalid-request` naming a wrong option.
 */
export const swinUnetr: NetworkFactory = (given): Network => {
  const options = readSwinUnetrOptions(given);
  return {
    class: 'SwinUNETR',
    options: given,
    inChannels: options.inChannels,
    outChannels: options.outChannels,
    heads: 1,
    divisor: [32, 32, 32],
    stateDict: { aliases: new Map(), buffers: () => buffersOf(options) },
    encoder: ['swinViT.'],
    specs: [...transformerSpecs(options), ...decoderSpecs(options)],
    forward(parameters, x, mode) {
      return [decode(parameters, x, transform(parameters, x, options, mode), options, mode)];
    },
  };
};
