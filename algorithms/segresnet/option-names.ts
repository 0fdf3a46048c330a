/** Names of SegResNetDS's options, as MONAI has them: for planners too, which load no tensor. */
export const SEGRESNET_OPTIONS: readonly string[] = [
  'spatial_dims',
  'init_filters',
  'in_channels',
  'out_channels',
  'act',
  'norm',
  'blocks_down',
  'blocks_up',
  'dsdepth',
  'preprocess',
  'upsample_mode',
  'resolution',
];
