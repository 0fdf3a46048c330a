import { z } from 'zod';
import {
  AnyKeys,
  Axis,
  affineOptions,
  BothKeys,
  Count,
  EveryMap,
  eachAxis,
  FlipAxes,
  forBoth,
  ImageKey,
  LazyMap,
  NotNegative,
  only,
  PaddingMode,
  Pixdim,
  Plane,
  Probability,
  Range,
  SampleMode,
  Sizes,
  Units,
  ZoomMode,
  Zooms,
  zoomsFit,
} from './transform-options.ts';

/*
 * Transforms of images and labels, by the names and options of MONAI's dictionary transforms (and of TorchIO for MR
 * artifacts), with their defaults: what stands in a list for either does here what it does there, but for the few things that
 * docs/transforms.md tells (RandZoomd's interpolation, volumes smaller than a crop). Beyond them: `units`. What each does, in which
 * units, and its inverse stands there as well. Options that have one value here are taken with that value, so that a list
 * written for MONAI may be pasted.
 */

/** Random transforms of a training patch: what `plan.augmentation` takes beside its own short names. */
export const PatchTransform = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('RandFlipd'),
    keys: BothKeys.optional(),
    ...LazyMap,
    prob: Probability.default(0.1),
    /** null: all three together. */
    spatial_axis: FlipAxes,
  }),
  z.strictObject({
    name: z.literal('RandRotate90d'),
    keys: BothKeys.optional(),
    ...LazyMap,
    prob: Probability.default(0.1),
    max_k: z.number().int().min(1).default(3),
    spatial_axes: Plane,
  }),
  z.strictObject({
    name: z.literal('RandAffined'),
    keys: BothKeys.optional(),
    ...LazyMap,
    prob: Probability.default(0.1),
    ...affineOptions,
    /** Whether a grid is kept between calls: no result knows of it. */
    cache_grid: z.boolean().optional(),
  }),
  z
    .strictObject({
      name: z.literal('RandZoomd'),
      keys: BothKeys.optional(),
      ...LazyMap,
      prob: Probability.default(0.1),
      min_zoom: Zooms.default(0.9),
      max_zoom: Zooms.default(1.1),
      mode: ZoomMode,
      /** MONAI's words here are numpy's: edge, constant and symmetric are border, zeros and reflection. */
      padding_mode: forBoth(
        z.enum(['edge', 'constant', 'symmetric', ...PaddingMode.options]),
        'edge, constant or symmetric (or border, zeros, reflection), the same for image and label',
      ).default('border'),
      align_corners: only(null, false),
      keep_size: only(true),
    })
    .refine((zoom) => zoomsFit(zoom.min_zoom, zoom.max_zoom), 'min_zoom and max_zoom are of as many axes'),
  z.strictObject({
    name: z.literal('Rand3DElasticd'),
    keys: BothKeys.optional(),
    ...EveryMap,
    prob: Probability.default(0.1),
    sigma_range: z.tuple([z.number().positive(), z.number().positive()]),
    magnitude_range: z.tuple([z.number().nonnegative(), z.number().nonnegative()]),
    ...affineOptions,
  }),
  z.strictObject({
    name: z.literal('RandGaussianNoised'),
    keys: ImageKey.optional(),
    ...EveryMap,
    prob: Probability.default(0.1),
    mean: z.number().default(0),
    std: z.number().nonnegative().default(0.1),
    /** The deviation is drawn from 0..std. */
    sample_std: z.boolean().default(true),
  }),
  z.strictObject({
    name: z.literal('RandGaussianSmoothd'),
    keys: ImageKey.optional(),
    ...EveryMap,
    prob: Probability.default(0.1),
    sigma_x: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([0.25, 1.5]),
    sigma_y: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([0.25, 1.5]),
    sigma_z: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([0.25, 1.5]),
    approx: only('erf'),
    units: Units,
  }),
  z.strictObject({
    name: z.literal('RandScaleIntensityd'),
    keys: ImageKey.optional(),
    ...EveryMap,
    prob: Probability.default(0.1),
    factors: Range,
    channel_wise: only(false),
  }),
  z.strictObject({
    name: z.literal('RandShiftIntensityd'),
    keys: ImageKey.optional(),
    ...EveryMap,
    prob: Probability.default(0.1),
    offsets: Range,
    channel_wise: only(false),
    safe: only(false),
    factor_key: only(null),
  }),
  z.strictObject({
    name: z.literal('RandAdjustContrastd'),
    keys: ImageKey.optional(),
    ...EveryMap,
    prob: Probability.default(0.1),
    /** One number: 0.5 up to it. */
    gamma: z.union([z.number().min(0.5), z.tuple([z.number().positive(), z.number().positive()])]).default([0.5, 4.5]),
    invert_image: z.boolean().default(false),
    retain_stats: z.boolean().default(false),
  }),
  z.strictObject({
    name: z.literal('RandHistogramShiftd'),
    keys: ImageKey.optional(),
    ...EveryMap,
    prob: Probability.default(0.1),
    num_control_points: z
      .union([z.number().int().min(3), z.tuple([z.number().int().min(3), z.number().int().min(3)])])
      .default(10),
  }),
  z.strictObject({
    name: z.literal('RandSimulateLowResolutiond'),
    keys: ImageKey.optional(),
    ...EveryMap,
    prob: Probability.default(0.1),
    zoom_range: z.tuple([z.number().positive().max(1), z.number().positive().max(1)]).default([0.5, 1]),
    downsample_mode: only('nearest'),
    upsample_mode: only('trilinear'),
    align_corners: only(false),
    device: only(null),
  }),
  z.strictObject({
    name: z.literal('RandomMotion'),
    p: Probability.default(1),
    /** Rotation about each of the scanner's axes in degrees, and translation in mm: ±x or low..high. */
    degrees: Range.default(10),
    translation: Range.default(10),
    num_transforms: z.number().int().min(1).max(20).default(2),
  }),
  z.strictObject({
    name: z.literal('RandomGhosting'),
    p: Probability.default(1),
    num_ghosts: Count.default([4, 10]),
    axes: z.array(Axis).min(1).default([0, 1, 2]),
    intensity: z.union([NotNegative, z.tuple([NotNegative, NotNegative])]).default([0.5, 1]),
    /** Share of the planes of k-space that stays, about its middle one; null: that one alone. */
    restore: z
      .union([Probability, z.tuple([Probability, Probability])])
      .nullable()
      .default(null),
  }),
  z.strictObject({
    name: z.literal('RandomSpike'),
    p: Probability.default(1),
    num_spikes: Count.default([1, 1]),
    /** Of the largest value of the spectrum; one for all spikes of an image. */
    intensity: Range.default([1, 3]),
  }),
  z.strictObject({
    name: z.literal('RandomBiasField'),
    p: Probability.default(1),
    coefficients: Range.default(0.5),
    order: z.number().int().min(0).max(6).default(3),
  }),
]);
export type PatchTransform = z.infer<typeof PatchTransform>;

/** Transforms of whole volumes: reading, geometry, intensities, crops. */
export const VolumeTransform = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('LoadImaged'),
    keys: AnyKeys.optional(),
    ...EveryMap,
    reader: only(null, 'NibabelReader'),
    /** Whether a header is returned as well, and where channels stand: what is read here has both in their places. */
    image_only: z.boolean().optional(),
    ensure_channel_first: z.boolean().optional(),
  }),
  z.strictObject({
    name: z.literal('EnsureChannelFirstd'),
    keys: AnyKeys.optional(),
    ...EveryMap,
    strict_check: only(true),
    channel_dim: only(null, 'no_channel'),
  }),
  z.strictObject({
    name: z.literal('Orientationd'),
    keys: BothKeys.optional(),
    ...LazyMap,
    axcodes: z.union([z.string().regex(/^[RLAPIS]{3}$/i), z.array(z.string().regex(/^[RLAPIS]$/i)).length(3)], {
      error: 'three letters such as RAS, or a list of them',
    }),
    as_closest_canonical: only(false),
    /** Each axis's letters for its beginning and end; these are nibabel's. */
    labels: z
      .tuple([
        z.tuple([z.literal('L'), z.literal('R')]),
        z.tuple([z.literal('P'), z.literal('A')]),
        z.tuple([z.literal('I'), z.literal('S')]),
      ])
      .nullable()
      .optional(),
  }),
  z.strictObject({
    name: z.literal('Spacingd'),
    keys: BothKeys.optional(),
    ...LazyMap,
    pixdim: Pixdim,
    mode: SampleMode,
    padding_mode: forBoth(z.literal('border'), 'only "border" is done here: write that, or leave it out').optional(),
    diagonal: only(false),
    align_corners: only(false),
    scale_extent: only(false),
    recompute_affine: only(false),
    min_pixdim: only(null),
    max_pixdim: only(null),
    ensure_same_shape: only(true),
  }),
  z
    .strictObject({
      name: z.literal('ScaleIntensityRanged'),
      keys: ImageKey.optional(),
      ...EveryMap,
      a_min: z.number(),
      a_max: z.number(),
      /** null, both: 0 and 1. MONAI scales by neither where one is missing. */
      b_min: z.number().nullable().default(null),
      b_max: z.number().nullable().default(null),
      clip: z.boolean().default(false),
    })
    .refine(({ b_min, b_max }) => (b_min === null) === (b_max === null), 'give both b_min and b_max, or neither'),
  z.strictObject({
    name: z.literal('NormalizeIntensityd'),
    keys: ImageKey.optional(),
    ...EveryMap,
    /** One number for each channel; the image's own mean and deviation where absent. */
    subtrahend: z
      .union([z.number(), z.array(z.number())])
      .nullable()
      .optional(),
    divisor: z
      .union([z.number(), z.array(z.number())])
      .nullable()
      .optional(),
    nonzero: z.boolean().default(false),
    channel_wise: z.boolean().default(false),
  }),
  z.strictObject({
    name: z.literal('CropForegroundd'),
    keys: BothKeys.optional(),
    ...LazyMap,
    source_key: z.enum(['image', 'label']).default('image'),
    /** Foreground is what is larger. */
    threshold: z.number().default(0),
    margin: eachAxis(z.number().nonnegative(), 'a length from 0 for all axes, or one for each').default(0),
    k_divisible: eachAxis(z.number().int().positive(), 'a whole number from 1 for all axes, or one for each').default(
      1,
    ),
    /** Whether a box that reaches beyond the image is cut there; else it is padded with 0. */
    allow_smaller: z.boolean().default(false),
    units: Units,
    mode: only('constant'),
    channel_indices: only(null),
    start_coord_key: only(null, 'foreground_start_coord'),
    end_coord_key: only(null, 'foreground_end_coord'),
  }),
  z.strictObject({
    name: z.literal('SpatialPadd'),
    keys: BothKeys.optional(),
    ...LazyMap,
    spatial_size: Sizes,
    method: z.enum(['symmetric', 'end']).default('symmetric'),
    mode: only('constant'),
    value: z.number().default(0),
    units: Units,
  }),
  z
    .strictObject({
      name: z.literal('RandCropByPosNegLabeld'),
      keys: BothKeys.optional(),
      ...LazyMap,
      label_key: z.literal('label').optional(),
      /** 0 or less: the image's own size, as in MONAI. */
      spatial_size: Sizes,
      pos: z.number().nonnegative().default(1),
      neg: z.number().nonnegative().default(1),
      /** Where given, centres outside the labels are drawn where the image is larger than the threshold; else anywhere. */
      image_key: z.literal('image').nullable().optional(),
      image_threshold: z.number().default(0),
      num_samples: only(1),
      /** A smaller volume is padded: MONAI refuses it, or cuts a smaller patch. */
      allow_smaller: only(false),
      fg_indices_key: only(null),
      bg_indices_key: only(null),
      units: Units,
    })
    .refine(({ pos, neg }) => pos + neg > 0, 'pos or neg must be above 0: else no voxel is a centre'),
  z.strictObject({
    name: z.literal('RandCropByLabelClassesd'),
    keys: BothKeys.optional(),
    ...LazyMap,
    label_key: z.literal('label').optional(),
    /** 0 or less: the image's own size, as in MONAI. */
    spatial_size: Sizes,
    /** For each label value from 0; all alike where absent. */
    ratios: z.array(z.number().nonnegative()).nullable().optional(),
    /** Labels are class indices of 8 bits, and 255 is what nobody labelled. */
    num_classes: z.number().int().min(1).max(255),
    num_samples: only(1),
    /** A smaller volume is padded: MONAI refuses it, or cuts a smaller patch. */
    allow_smaller: only(false),
    image_key: only(null),
    indices_key: only(null),
    max_samples_per_class: only(null),
    /** Whether MONAI prints that a class is missing. */
    warn: z.boolean().optional(),
    units: Units,
  }),
  z.strictObject({
    name: z.literal('Flipd'),
    keys: BothKeys.optional(),
    ...LazyMap,
    spatial_axis: FlipAxes,
  }),
  z.strictObject({
    name: z.literal('Rotate90d'),
    keys: BothKeys.optional(),
    ...LazyMap,
    k: z.number().int().default(1),
    spatial_axes: Plane,
  }),
]);
export type VolumeTransform = z.infer<typeof VolumeTransform>;

/** Any transform by its name. */
export const Transform = z.discriminatedUnion('name', [...VolumeTransform.options, ...PatchTransform.options]);
export type Transform = z.infer<typeof Transform>;

/** A list of transforms, as JSON has it. */
export const TransformList = z.array(Transform).meta({ id: 'TransformList' });
export type TransformList = z.infer<typeof TransformList>;
