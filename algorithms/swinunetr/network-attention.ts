import { type Tensor, tf } from '@voxhelm/nn/engine';
import { activate, parseActivation } from '@voxhelm/nn/layers/activation';
import { layerNorm } from '@voxhelm/nn/layers/layer-norm';
import { linear } from '@voxhelm/nn/layers/linear';
import { type ForwardMode, type ParameterSpec, type Parameters, parameter } from '@voxhelm/nn/network';
import { blockOf } from '@voxhelm/nn/recompute';
import { attend } from './network-attend.ts';
import type { BlockOptions, StageOptions, Triple } from './network-options.ts';
import { relativePositions, reorder, restore, windowOrder, windowRegions } from './network-tokens.ts';

/*
 * The transformer block of Swin: Liu et al., "Swin Transformer", arXiv:2103.14030, in three dimensions as MONAI's. Attention
 * is within windows; every second block shifts the windows by half, so that neighbours meet.
 */

const GELU = parseActivation('gelu');

function linearSpecs(name: string, out: number, into: number, bias: boolean): ParameterSpec[] {
  const init = { rule: 'uniform-fan-in', fanIn: into } as const;
  return [
    { name: `${name}.weight`, shape: [out, into], kind: 'linear', init },
    ...(bias ? [{ name: `${name}.bias`, shape: [out], kind: 'vector', init } as const] : []),
  ];
}

/** Scale and bias of a layer norm. */
export function layerNormSpecs(name: string, channels: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [channels], kind: 'scale', init: { rule: 'ones' } },
    { name: `${name}.bias`, shape: [channels], kind: 'vector', init: { rule: 'zeros' } },
  ];
}

/** Channels inside the block's two linear layers. */
function hiddenChannels(channels: number, options: BlockOptions): number {
  return Math.trunc(channels * options.mlpRatio);
}

/** One block's parameters. */
export function blockSpecs(name: string, stage: StageOptions, options: BlockOptions): ParameterSpec[] {
  const { channels, heads } = stage;
  const [wx, wy, wz] = options.window;
  const hidden = hiddenChannels(channels, options);
  return [
    ...layerNormSpecs(`${name}.norm1`, channels),
    {
      name: `${name}.attn.relative_position_bias_table`,
      shape: [(2 * wx - 1) * (2 * wy - 1) * (2 * wz - 1), heads],
      kind: 'other',
      init: { rule: 'truncated-normal', standardDeviation: 0.02 },
    },
    ...linearSpecs(`${name}.attn.qkv`, 3 * channels, channels, options.qkvBias),
    ...linearSpecs(`${name}.attn.proj`, channels, channels, true),
    ...layerNormSpecs(`${name}.norm2`, channels),
    ...linearSpecs(`${name}.mlp.linear1`, hidden, channels, true),
    ...linearSpecs(`${name}.mlp.linear2`, channels, hidden, true),
  ];
}

/** Windows of one stage: an axis no longer than the window is one window, and is not shifted. */
export interface Windows {
  readonly size: Triple;
  readonly window: Triple;
  readonly shift: Triple;
}

/** The windows of a stage's volume, whole or shifted. */
export function windowsOf(size: Triple, window: Triple, shifted: boolean): Windows {
  const fits = size.map((n, axis) => n <= (window[axis] as number));
  return {
    size,
    window: window.map((n, axis) => (fits[axis] ? size[axis] : n)) as unknown as Triple,
    shift: window.map((n, axis) => (fits[axis] || !shifted ? 0 : Math.floor(n / 2))) as unknown as Triple,
  };
}

/** Regions of the tokens of shifted windows, which do not attend to each other's; null where all may. */
function regionsOf({ size, window, shift }: Windows): Int32Array | null {
  return shift.every((by) => by === 0) ? null : windowRegions(size, window, shift);
}

/** Attention within windows. `x`: [windows, token, channel]; the shape stays. */
function windowAttention(
  parameters: Parameters,
  name: string,
  x: Tensor,
  heads: number,
  options: BlockOptions,
  regions: Int32Array | null,
): Tensor {
  const [windows, tokens, channels] = x.shape as [number, number, number];
  const perHead = channels / heads;
  const qkvBias = options.qkvBias ? parameter(parameters, `${name}.qkv.bias`) : null;
  const joint = linear(x, parameter(parameters, `${name}.qkv.weight`), qkvBias);
  const turned = tf.transpose(tf.reshape(joint, [windows, tokens, 3, heads, perHead]), [2, 0, 3, 1, 4]);
  const [q, k, v] = tf.unstack(turned, 0) as [Tensor, Tensor, Tensor];
  const rows = tf.tensor1d(relativePositions(options.window, tokens), 'int32');
  const table = tf.gather(parameter(parameters, `${name}.relative_position_bias_table`), rows);
  const bias = tf.transpose(tf.reshape(table, [tokens, tokens, heads]), [2, 0, 1]);
  const attended = attend(tf.mul(q, perHead ** -0.5), k, v, bias, regions);
  const joined = tf.reshape(tf.transpose(attended, [0, 2, 1, 3]), [windows, tokens, channels]);
  return linear(joined, parameter(parameters, `${name}.proj.weight`), parameter(parameters, `${name}.proj.bias`));
}

function norm(parameters: Parameters, name: string, x: Tensor): Tensor {
  return layerNorm(x, parameter(parameters, `${name}.weight`), parameter(parameters, `${name}.bias`));
}

/** Linear, GELU, linear. */
function perceptron(parameters: Parameters, name: string, x: Tensor): Tensor {
  const layer = (input: Tensor, part: string): Tensor =>
    linear(input, parameter(parameters, `${name}.${part}.weight`), parameter(parameters, `${name}.${part}.bias`));
  return layer(activate(layer(x, 'linear1'), GELU), 'linear2');
}

/**
 * One block: x + attention(norm(x)), then that plus perceptron(norm(that)). `x`: [batch, token, channel] in the volume's own
 * order; the shape stays. The padding of windows takes part in attention, as in MONAI.
 */
export function transformerBlock(
  parameters: Parameters,
  name: string,
  x: Tensor,
  heads: number,
  options: BlockOptions,
  windows: Windows,
  mode: ForwardMode,
): Tensor {
  const [batch, , channels] = x.shape as [number, number, number];
  const tokens = windows.window[0] * windows.window[1] * windows.window[2];
  const order = windowOrder(windows.size, windows.window, windows.shift);
  const cut = tf.reshape(reorder(norm(parameters, `${name}.norm1`, x), order), [-1, tokens, channels]);
  const attended = windowAttention(parameters, `${name}.attn`, cut, heads, options, regionsOf(windows));
  const back = restore(tf.reshape(attended, [batch, -1, channels]), order);
  const y = tf.add(x, back);
  // Attention keeps nothing of its inside as it is (network-attend.ts).
  const mixed = blockOf(
    mode,
    parameters,
    `${name}.mlp.`,
    [norm(parameters, `${name}.norm2`, y)] as const,
    (own, [input]) => perceptron(own, `${name}.mlp`, input),
  );
  return tf.add(y, mixed);
}
