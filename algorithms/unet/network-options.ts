import { type Activation, parseActivation } from '@voxhelm/nn/layers/activation';
import { NORM_EPSILON } from '@voxhelm/nn/layers/instance-norm';
import { type OptionReader, optionReader } from '../read-options.ts';
import { PLAIN_OPTIONS, RESIDUAL_OPTIONS } from './option-names.ts';

/*
 * Options of nnU-Net's networks, by the names of dynamic_network_architectures 0.4.4 (the "arch_kwargs" of an nnU-Net
 * plans.json), with what nnU-Net fills in itself: input_channels, num_classes, deep_supervision.
 */

/** Three numbers along x, y, z. */
export type Triple = readonly [number, number, number];

/** An instance norm's settings. */
export interface NormOptions {
  readonly epsilon: number;
  /** Without affine the norm has no parameters. */
  readonly affine: boolean;
}

/** Options that both networks have, read and completed. */
export interface UnetOptions {
  readonly inChannels: number;
  readonly classes: number;
  /** Channels of each encoder stage, finest first. */
  readonly features: readonly number[];
  /** Kernel of each encoder stage; a decoder stage has that of the encoder stage of its resolution. */
  readonly kernels: readonly Triple[];
  /** Stride on entering each encoder stage; 1 for the first. */
  readonly strides: readonly Triple[];
  /** Convolutions of each decoder stage, coarsest first. */
  readonly decoderConvs: readonly number[];
  readonly convBias: boolean;
  /** null: no norm. */
  readonly norm: NormOptions | null;
  readonly activation: Activation;
  /** The activation comes ahead of the norm. */
  readonly activationFirst: boolean;
  readonly deepSupervision: boolean;
}

function lastName(value: unknown): string {
  return String(value).split('.').at(-1) ?? '';
}

/** `norm`: "instance affine eps 1e-5"; or `norm_op` and `norm_op_kwargs` as PyTorch has them; absent: no norm. */
function readNorm(reader: OptionReader, options: Readonly<Record<string, unknown>>): NormOptions | null {
  if (options['norm'] !== undefined) {
    const value = options['norm'];
    const match = /^instance(?<affine> affine)?(?: eps (?<epsilon>[\d.e+-]+))?$/i.exec(String(value));
    if (value === null || value === 'none') return null;
    if (match === null) throw reader.wrong('norm', value, '"instance affine eps 1e-5", "instance" or "none"');
    const { affine, epsilon } = match.groups ?? {};
    return { affine: affine !== undefined, epsilon: epsilon === undefined ? NORM_EPSILON : Number(epsilon) };
  }
  const operation = options['norm_op'] ?? null;
  if (operation === null) return null;
  if (lastName(operation) !== 'InstanceNorm3d') {
    throw reader.wrong('norm_op', operation, '"torch.nn.modules.instancenorm.InstanceNorm3d" or null');
  }
  const settings = options['norm_op_kwargs'] ?? {};
  const { eps = NORM_EPSILON, affine = false, ...others } = settings as { eps?: unknown; affine?: unknown };
  if (typeof eps !== 'number' || typeof affine !== 'boolean' || Object.keys(others).length > 0) {
    throw reader.wrong('norm_op_kwargs', settings, 'eps (a number) and affine (true or false), nothing else');
  }
  return { epsilon: eps, affine };
}

/** `activation`: "leaky relu 0.01"; or `nonlin` and `nonlin_kwargs` as PyTorch has them; absent: none. */
function readActivation(options: Readonly<Record<string, unknown>>): Activation {
  const short = options['activation'];
  if (typeof short === 'string') {
    const [, name = '', slope] = /^([a-z ]*?)(?: ([\d.e+-]+))?$/i.exec(short) ?? [undefined, short];
    const joined = name.replaceAll(' ', '');
    return parseActivation(slope === undefined ? joined : [joined, { negative_slope: Number(slope) }]);
  }
  const operation = short ?? options['nonlin'] ?? null;
  return operation === null
    ? parseActivation('identity')
    : parseActivation([lastName(operation), options['nonlin_kwargs'] ?? {}]);
}

function readCommon(
  className: string,
  options: Readonly<Record<string, unknown>>,
  known: readonly string[],
): { reader: OptionReader; common: UnetOptions } {
  const reader = optionReader(className, options, known);
  if (options['conv_op'] !== undefined && lastName(options['conv_op']) !== 'Conv3d') {
    throw reader.wrong('conv_op', options['conv_op'], '"torch.nn.modules.conv.Conv3d"; 2-D networks are not built yet');
  }
  reader.only('dropout_op', null);
  reader.either('norm', 'norm_op');
  reader.either('activation', 'nonlin');
  reader.only('dropout_op_kwargs', null, {});
  const stages = reader.count('n_stages');
  if (stages < 2) throw reader.wrong('n_stages', stages, 'at least 2');
  const kernels = reader.triples('kernel_sizes', stages);
  if (kernels.flat().some((size) => size % 2 === 0)) {
    throw reader.wrong('kernel_sizes', options['kernel_sizes'], 'odd sizes');
  }
  const strides = reader.triples('strides', stages);
  if (strides[0]?.some((step) => step !== 1)) {
    throw reader.wrong(
      'strides',
      options['strides'],
      '1 for the first stage, so that the output has the size of the input',
    );
  }
  const common = {
    inChannels: reader.count('input_channels'),
    classes: reader.count('num_classes'),
    features: reader.counts('features_per_stage', stages),
    kernels,
    strides,
    decoderConvs: reader.counts('n_conv_per_stage_decoder', stages - 1),
    convBias: reader.flag('conv_bias', false),
    norm: readNorm(reader, options),
    activation: readActivation(options),
    activationFirst: false,
    deepSupervision: reader.flag('deep_supervision', false),
  };
  return { reader, common };
}

/** PlainConvUNet's options. */
export interface PlainOptions extends UnetOptions {
  readonly encoderConvs: readonly number[];
}

/** Reads PlainConvUNet's options; throws `invalid-request` naming the first that is wrong. */
export function readPlainOptions(options: Readonly<Record<string, unknown>>): PlainOptions {
  const { reader, common } = readCommon('PlainConvUNet', options, PLAIN_OPTIONS);
  return {
    ...common,
    encoderConvs: reader.counts('n_conv_per_stage', common.features.length),
    activationFirst: reader.flag('nonlin_first', false),
  };
}

/** ResidualEncoderUNet's options. */
export interface ResidualOptions extends UnetOptions {
  readonly encoderBlocks: readonly number[];
  readonly stemChannels: number;
}

/** Reads ResidualEncoderUNet's options; throws `invalid-request` naming the first that is wrong. */
export function readResidualOptions(options: Readonly<Record<string, unknown>>): ResidualOptions {
  const { reader, common } = readCommon('ResidualEncoderUNet', options, RESIDUAL_OPTIONS);
  const { block } = options;
  if (block !== undefined && lastName(block) !== 'BasicBlockD') throw reader.wrong('block', block, '"BasicBlockD"');
  reader.only('bottleneck_channels', null);
  const stem = options['stem_channels'] ?? null;
  return {
    ...common,
    encoderBlocks: reader.counts('n_blocks_per_stage', common.features.length),
    stemChannels: stem === null ? (common.features[0] as number) : reader.count('stem_channels'),
  };
}
