import { NORM_EPSILON } from '@voxhelm/nn/layers/instance-norm';
import { type OptionReader, optionReader } from '../read-options.ts';
import { SWINUNETR_OPTIONS } from './option-names.ts';

/*
 * SwinUNETR's options, by MONAI's names (1.6.1).
 */

/** Three numbers along x, y, z. */
export type Triple = readonly [number, number, number];

/** One stage of the transformer. */
export interface StageOptions {
  /** From 1, as in MONAI's names ("layers1"). */
  readonly number: number;
  readonly channels: number;
  readonly heads: number;
  /** Transformer blocks. */
  readonly depth: number;
}

/** Options that all transformer blocks share. */
export interface BlockOptions {
  readonly window: Triple;
  readonly qkvBias: boolean;
  readonly mlpRatio: number;
}

/** Norm of the convolutional blocks. */
export interface NormOptions {
  readonly epsilon: number;
  readonly affine: boolean;
}

/** A SwinUNETR's options, read and completed. */
export interface SwinUnetrOptions extends BlockOptions {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly featureSize: number;
  readonly stages: readonly StageOptions[];
  readonly norm: NormOptions;
  /** Skips pass a layer norm without parameters. */
  readonly normalize: boolean;
  readonly patchNorm: boolean;
  /** Order in which patch merging joins the eight neighbours. */
  readonly merging: 'merging' | 'mergingv2';
  /** A residual block ahead of each stage. */
  readonly useV2: boolean;
}

/** MONAI's network has four stages: its forward pass names each. */
const STAGES = 4;

function readNorm(reader: OptionReader, value: unknown): NormOptions {
  const [name, settings] = Array.isArray(value) ? [value[0], value[1] ?? {}] : [value ?? 'instance', {}];
  const { eps = NORM_EPSILON, affine = false, ...others } = settings as { eps?: unknown; affine?: unknown };
  const valid = typeof eps === 'number' && typeof affine === 'boolean' && Object.keys(others).length === 0;
  if (String(name).toLowerCase() !== 'instance' || !valid) {
    throw reader.wrong('norm_name', value, '"instance", or ["instance", {"eps": 1e-5, "affine": true}]');
  }
  return { epsilon: eps, affine };
}

function readStages(reader: OptionReader, featureSize: number): StageOptions[] {
  const depths = reader.counts('depths', STAGES, 2);
  const heads = reader.counts('num_heads', STAGES);
  return depths.map((depth, i) => {
    const channels = featureSize * 2 ** i;
    const own = heads[i] as number;
    if (channels % own !== 0) {
      throw reader.wrong('num_heads', heads, `for stage ${i + 1} a divisor of its ${channels} channels`);
    }
    return { number: i + 1, channels, heads: own, depth };
  });
}

/** Reads options by MONAI's names and defaults; throws `invalid-request` naming the first that is wrong. */
export function readSwinUnetrOptions(given: Readonly<Record<string, unknown>>): SwinUnetrOptions {
  const options = { num_heads: [3, 6, 12, 24], window_size: 7, ...given };
  const reader = optionReader('SwinUNETR', options, SWINUNETR_OPTIONS);
  reader.only('spatial_dims', 3);
  // With another patch size MONAI's decoder, which doubles each time, does not meet its skips.
  reader.only('patch_size', 2, [2, 2, 2]);
  reader.only('use_hyena', false);
  reader.only('hyena_stages', null);
  // Random layers: MONAI's default is none, and Auto3DSeg trains without.
  for (const rate of ['drop_rate', 'attn_drop_rate', 'dropout_path_rate']) reader.only(rate, 0);
  reader.only('norm_layer', null, 'LayerNorm', 'torch.nn.LayerNorm');
  reader.only('downsample', 'merging', 'mergingv2');
  // These two change how MONAI computes, not what.
  reader.flag('use_checkpoint', false);
  reader.flag('use_flash_attention', false);
  const featureSize = reader.count('feature_size', 24);
  if (featureSize % 12 !== 0) throw reader.wrong('feature_size', featureSize, 'a multiple of 12');
  return {
    inChannels: reader.count('in_channels'),
    outChannels: reader.count('out_channels'),
    featureSize,
    stages: readStages(reader, featureSize),
    window: reader.triple('window_size'),
    qkvBias: reader.flag('qkv_bias', true),
    mlpRatio: reader.number('mlp_ratio', 4, 1e-3, 1e3),
    norm: readNorm(reader, given['norm_name']),
    normalize: reader.flag('normalize', true),
    patchNorm: reader.flag('patch_norm', false),
    merging: (given['downsample'] as 'merging' | 'mergingv2' | undefined) ?? 'merging',
    useV2: reader.flag('use_v2', false),
  };
}
