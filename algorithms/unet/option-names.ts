/*
 * Names of nnU-Net's networks' options, by dynamic_network_architectures: for planners too, which load no tensor.
 */

/** Those of both networks. */
const COMMON = [
  'input_channels',
  'n_stages',
  'features_per_stage',
  'conv_op',
  'kernel_sizes',
  'strides',
  'num_classes',
  'n_conv_per_stage_decoder',
  'conv_bias',
  'norm_op',
  'norm_op_kwargs',
  'norm',
  'dropout_op',
  'dropout_op_kwargs',
  'nonlin',
  'nonlin_kwargs',
  'activation',
  'deep_supervision',
];

/** PlainConvUNet's options. */
export const PLAIN_OPTIONS: readonly string[] = [...COMMON, 'n_conv_per_stage', 'nonlin_first'];

/** ResidualEncoderUNet's options. */
export const RESIDUAL_OPTIONS: readonly string[] = [
  ...COMMON,
  'n_blocks_per_stage',
  'stem_channels',
  'block',
  'bottleneck_channels',
];
