import { VoxhelmError } from '@voxhelm/contracts/errors';
import { ROWS, SEGRESNET_16, type StepConfiguration } from './configuration.ts';

/*
 * The networks that `bench train-step` knows by their class names, with the rows and goals of the issues that ask for them
 * (5: SegResNet; 6: the others).
 */

/** A row of the table: a patch and how many of them a step trains on. */
export type Row = (typeof ROWS)[number];

/** Ratios to the anchor's best that are to be reached. */
export interface Goals {
  readonly time: number;
  readonly memory: number;
}

/** A network to measure. */
export interface BenchNetwork {
  /** For people and as part of a benchmark's name. */
  readonly label: string;
  readonly network: StepConfiguration['network'];
  readonly rows: readonly Row[];
  readonly goals: Goals;
}

const GOALS: Goals = { time: 0.9, memory: 0.7 };
const PATCH_64: Row = { patch: [64, 64, 64], batch: 1 };
const SWIN_ROWS: readonly Row[] = [PATCH_64, { patch: [96, 96, 64], batch: 1 }];

function swinUnetr(featureSize: number): BenchNetwork {
  const options = { in_channels: 1, out_channels: 3, feature_size: featureSize };
  return { label: `SwinUNETR ${featureSize}`, network: { class: 'SwinUNETR', options }, rows: SWIN_ROWS, goals: GOALS };
}

/** Auto3DSeg's space of 12 blocks and 4 depths; its supernet is half as wide as what is trained. */
const DINTS_SPACE = { in_channels: 1, num_classes: 3, num_blocks: 12, num_depths: 4, use_downsample: true };
/** Codes of a block by the ten edges of four depths: each depth is kept, and some way leads down or up. */
const SEARCHED_BLOCKS = [
  { paths: [1, 0, 1, 1, 0, 0, 1, 0, 0, 1], operations: [1, 0, 2, 3, 0, 0, 1, 0, 0, 0] },
  { paths: [1, 0, 0, 1, 0, 1, 1, 0, 0, 1], operations: [0, 0, 0, 1, 0, 4, 2, 0, 0, 1] },
  { paths: [1, 0, 0, 1, 0, 0, 1, 1, 1, 1], operations: [3, 0, 0, 0, 0, 0, 1, 1, 2, 4] },
  { paths: [1, 1, 0, 1, 1, 0, 1, 0, 0, 1], operations: [1, 4, 0, 2, 1, 0, 0, 0, 0, 3] },
] as const;
/** A network such as a search finds: five or six paths a block, every operation among them. */
const FOUND = {
  arch_code_a: Array.from({ length: 12 }, (_, block) => SEARCHED_BLOCKS[block % 4]?.paths),
  arch_code_c: Array.from({ length: 12 }, (_, block) => SEARCHED_BLOCKS[block % 4]?.operations),
};

/** nnU-Net's 3-D network for the sample's 200 cases, width and depth as planned. */
const NNUNET = {
  input_channels: 1,
  num_classes: 3,
  n_stages: 4,
  features_per_stage: [32, 64, 128, 256],
  kernel_sizes: Array.from({ length: 4 }, () => [3, 3, 3]),
  strides: [[1, 1, 1], ...Array.from({ length: 3 }, () => [2, 2, 2])],
  n_conv_per_stage_decoder: [2, 2, 2],
  conv_op: 'torch.nn.modules.conv.Conv3d',
  conv_bias: true,
  norm_op: 'torch.nn.modules.instancenorm.InstanceNorm3d',
  norm_op_kwargs: { eps: 1e-5, affine: true },
  nonlin: 'torch.nn.LeakyReLU',
  deep_supervision: true,
};
const UNET_ROWS: readonly Row[] = [{ patch: [40, 56, 40], batch: 2 }, PATCH_64];

/** Everything that can be measured without `--options`. */
export const BENCH_NETWORKS: readonly BenchNetwork[] = [
  { label: 'SegResNet 16', network: SEGRESNET_16, rows: ROWS, goals: { time: 0.8, memory: 0.6 } },
  swinUnetr(24),
  swinUnetr(48),
  {
    label: 'DiNTS supernet',
    network: { class: 'DiNTS', options: { ...DINTS_SPACE, dints_space: 'TopologySearch', channel_mul: 0.5 } },
    rows: [PATCH_64],
    goals: GOALS,
  },
  {
    label: 'DiNTS found',
    network: { class: 'DiNTS', options: { ...DINTS_SPACE, ...FOUND, channel_mul: 1 } },
    rows: [PATCH_64],
    goals: GOALS,
  },
  {
    label: 'nnU-Net plain',
    network: { class: 'PlainConvUNet', options: { ...NNUNET, n_conv_per_stage: [2, 2, 2, 2] } },
    rows: UNET_ROWS,
    goals: GOALS,
  },
  {
    label: 'nnU-Net residual',
    network: {
      class: 'ResidualEncoderUNet',
      options: { ...NNUNET, n_blocks_per_stage: [1, 3, 4, 6], n_conv_per_stage_decoder: [1, 1, 1] },
    },
    rows: [PATCH_64],
    goals: GOALS,
  },
];

/**
 * The networks that a command line asks for: by a label ("SwinUNETR 48") or a class ("SwinUNETR": all of that class), and by
 * options, which are laid over those of the first. Throws `invalid-request` for another name.
 */
export function networksGiven(name: string | undefined, options: string | undefined): readonly BenchNetwork[] {
  const wanted = name ?? SEGRESNET_16.class;
  const found = BENCH_NETWORKS.filter(({ label, network }) => label === wanted || network.class === wanted);
  const [first] = found;
  if (first === undefined) {
    throw new VoxhelmError('invalid-request', `--network ${wanted} is not known`, {
      fix: `Use one of: ${[...new Set(BENCH_NETWORKS.flatMap(({ label, network }) => [network.class, label]))].join(', ')}.`,
    });
  }
  if (options === undefined) return found;
  const given = JSON.parse(options) as Record<string, unknown>;
  const network = { class: first.network.class, options: { ...first.network.options, ...given } };
  return [{ ...first, label: `${network.class} ${options}`, network }];
}
