/** Names of the options of DiNTS and of the space that it is built over, as MONAI has them: for planners too, which load no tensor. */
export const DINTS_OPTIONS: readonly string[] = [
  'dints_space',
  'spatial_dims',
  'in_channels',
  'num_classes',
  'num_blocks',
  'num_depths',
  'channel_mul',
  'use_downsample',
  'act_name',
  'norm_name',
  'norm',
  'arch_code_a',
  'arch_code_c',
  'node_a',
];
