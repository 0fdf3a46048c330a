import { z } from 'zod';

/*
 * Transforms of images and labels, by the names and options of MONAI's dictionary transforms (and of TorchIO for MR
 * artifacts), with their defaults: what stands in a list for either does here what it does there, but for the few things that
 * docs/transforms.md tells (RandZoomd's interpolation, volumes smaller than a crop). Beyond them: `units`. What each does, in which
 * units, and its inverse stands there as well.
 */

const Probability = z.number().min(0).max(1);
const Axis = z.number().int().min(0).max(2);
const Vector = z.tuple([z.number(), z.number(), z.number()]);

const TOGETHER = 'image and label are changed together: write ["image", "label"], or leave keys out';
const IMAGE_ALONE = 'intensities are the image\'s alone: write ["image"], or leave keys out';
const EITHER = 'keys are of "image" and "label"';

/** What is changed together: a transform that moves voxels moves image and label, all else the image alone. */
const BothKeys = z
  .array(z.enum(['image', 'label'], { error: TOGETHER }), { error: TOGETHER })
  .length(2, { error: TOGETHER })
  .refine(([first, second]) => first !== second, { error: TOGETHER });
const ImageKey = z.tuple([z.literal('image', { error: IMAGE_ALONE })], { error: IMAGE_ALONE });
const AnyKeys = z.array(z.enum(['image', 'label'], { error: EITHER }), { error: EITHER }).min(1, { error: EITHER });

/** A draw from -x..x, or from low..high. */
const Range = z.union([z.number(), z.tuple([z.number(), z.number()])]);
/** A draw of a whole number from 0..x, or from low..high. */
const Count = z.union([z.number().int().min(0), z.tuple([z.number().int().min(0), z.number().int().min(0)])]);
/** What cannot be negative; as a range, x is 0..x. */
const NotNegative = z.number().min(0);
/** A range for each axis; axes that are not named stay. */
const AxisRanges = z.array(Range).max(3);
/** A number for all axes, or one for each. */
function eachAxis(number: z.ZodNumber, error: string) {
  return z.union([number, z.tuple([number, number, number])], { error });
}
const Sizes = eachAxis(z.number(), 'a number for all axes, or one for each');

const Zooms = eachAxis(z.number().positive(), 'a factor above 0 for all axes, or one for each');

/** Lengths count voxels, as in MONAI, or millimetres by the image's voxel sizes. */
const Units = z.enum(['voxel', 'mm']).default('voxel');

/** What lies beyond the image: its mirror image, its last voxel, or 0. */
const PaddingMode = z.enum(['reflection', 'border', 'zeros']);

/** Images are sampled trilinearly, labels by the nearest voxel; nothing else would keep labels in their set. */
const SampleMode = z
  .union([z.literal('bilinear'), z.tuple([z.literal('bilinear'), z.literal('nearest')])], {
    error: 'images are sampled trilinearly, labels by the nearest voxel: write "bilinear" or ["bilinear", "nearest"]',
  })
  .optional();

const affineOptions = {
  rotate_range: AxisRanges.default([]),
  /** Six: xy, xz, yx, yz, zx, zy. */
  shear_range: z.array(Range).max(6).default([]),
  translate_range: AxisRanges.default([]),
  scale_range: AxisRanges.default([]),
  units: Units,
  mode: SampleMode,
  padding_mode: PaddingMode.default('reflection'),
};

/** Random transforms of a training patch: what `plan.augmentation` takes beside its own short names. */
export const PatchTransform = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('RandFlipd'),
    keys: BothKeys.optional(),
    prob: Probability.default(0.1),
    /** null: all three together. */
    spatial_axis: z
      .union([Axis, z.array(Axis).min(1)])
      .nullable()
      .default(null),
  }),
  z.strictObject({
    name: z.literal('RandRotate90d'),
    keys: BothKeys.optional(),
    prob: Probability.default(0.1),
    max_k: z.number().int().min(1).max(3).default(3),
    spatial_axes: z
      .tuple([Axis, Axis])
      .refine(([a, b]) => a !== b, 'two axes of the plane')
      .default([0, 1]),
  }),
  z.strictObject({
    name: z.literal('RandAffined'),
    keys: BothKeys.optional(),
    prob: Probability.default(0.1),
    ...affineOptions,
  }),
  z.strictObject({
    name: z.literal('RandZoomd'),
    keys: BothKeys.optional(),
    prob: Probability.default(0.1),
    min_zoom: Zooms.default(0.9),
    max_zoom: Zooms.default(1.1),
    mode: SampleMode,
    /** MONAI's words here are numpy's: edge, constant and symmetric are border, zeros and reflection. */
    padding_mode: z.enum(['edge', 'constant', 'symmetric', ...PaddingMode.options]).default('border'),
    keep_size: z.literal(true).optional(),
  }),
  z.strictObject({
    name: z.literal('Rand3DElasticd'),
    keys: BothKeys.optional(),
    prob: Probability.default(0.1),
    sigma_range: z.tuple([z.number().positive(), z.number().positive()]),
    magnitude_range: z.tuple([z.number().nonnegative(), z.number().nonnegative()]),
    ...affineOptions,
  }),
  z.strictObject({
    name: z.literal('RandGaussianNoised'),
    keys: ImageKey.optional(),
    prob: Probability.default(0.1),
    mean: z.number().default(0),
    std: z.number().nonnegative().default(0.1),
    /** The deviation is drawn from 0..std. */
    sample_std: z.boolean().default(true),
  }),
  z.strictObject({
    name: z.literal('RandGaussianSmoothd'),
    keys: ImageKey.optional(),
    prob: Probability.default(0.1),
    sigma_x: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([0.25, 1.5]),
    sigma_y: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([0.25, 1.5]),
    sigma_z: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([0.25, 1.5]),
    approx: z.literal('erf').optional(),
    units: Units,
  }),
  z.strictObject({
    name: z.literal('RandScaleIntensityd'),
    keys: ImageKey.optional(),
    prob: Probability.default(0.1),
    factors: Range,
  }),
  z.strictObject({
    name: z.literal('RandShiftIntensityd'),
    keys: ImageKey.optional(),
    prob: Probability.default(0.1),
    offsets: Range,
  }),
  z.strictObject({
    name: z.literal('RandAdjustContrastd'),
    keys: ImageKey.optional(),
    prob: Probability.default(0.1),
    /** One number: 0.5 up to it. */
    gamma: z.union([z.number().min(0.5), z.tuple([z.number().positive(), z.number().positive()])]).default([0.5, 4.5]),
    invert_image: z.boolean().default(false),
    retain_stats: z.boolean().default(false),
  }),
  z.strictObject({
    name: z.literal('RandHistogramShiftd'),
    keys: ImageKey.optional(),
    prob: Probability.default(0.1),
    num_control_points: z
      .union([z.number().int().min(3), z.tuple([z.number().int().min(3), z.number().int().min(3)])])
      .default(10),
  }),
  z.strictObject({
    name: z.literal('RandSimulateLowResolutiond'),
    keys: ImageKey.optional(),
    prob: Probability.default(0.1),
    zoom_range: z.tuple([z.number().positive().max(1), z.number().positive().max(1)]).default([0.5, 1]),
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
  z.strictObject({ name: z.literal('LoadImaged'), keys: AnyKeys.optional() }),
  z.strictObject({ name: z.literal('EnsureChannelFirstd'), keys: AnyKeys.optional() }),
  z.strictObject({
    name: z.literal('Orientationd'),
    keys: BothKeys.optional(),
    axcodes: z.string().regex(/^[RLAPIS]{3}$/i, 'three letters such as RAS'),
  }),
  z.strictObject({
    name: z.literal('Spacingd'),
    keys: BothKeys.optional(),
    /** Millimetres; -1 keeps an axis. */
    pixdim: Vector,
    mode: SampleMode,
    padding_mode: z.literal('border').optional(),
  }),
  z.strictObject({
    name: z.literal('ScaleIntensityRanged'),
    keys: ImageKey.optional(),
    a_min: z.number(),
    a_max: z.number(),
    b_min: z.number().default(0),
    b_max: z.number().default(1),
    clip: z.boolean().default(false),
  }),
  z.strictObject({
    name: z.literal('NormalizeIntensityd'),
    keys: ImageKey.optional(),
    /** One number for each channel; the image's own mean and deviation where absent. */
    subtrahend: z.union([z.number(), z.array(z.number())]).optional(),
    divisor: z.union([z.number(), z.array(z.number())]).optional(),
    nonzero: z.boolean().default(false),
    channel_wise: z.boolean().default(false),
  }),
  z.strictObject({
    name: z.literal('CropForegroundd'),
    keys: BothKeys.optional(),
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
  }),
  z.strictObject({
    name: z.literal('SpatialPadd'),
    keys: BothKeys.optional(),
    spatial_size: Sizes,
    method: z.enum(['symmetric', 'end']).default('symmetric'),
    value: z.number().default(0),
    units: Units,
  }),
  z
    .strictObject({
      name: z.literal('RandCropByPosNegLabeld'),
      keys: BothKeys.optional(),
      label_key: z.literal('label').optional(),
      /** 0 or less: the image's own size, as in MONAI. */
      spatial_size: Sizes,
      pos: z.number().nonnegative().default(1),
      neg: z.number().nonnegative().default(1),
      /** Where given, centres outside the labels are drawn where the image is larger than the threshold; else anywhere. */
      image_key: z.literal('image').optional(),
      image_threshold: z.number().default(0),
      num_samples: z.literal(1).optional(),
      units: Units,
    })
    .refine(({ pos, neg }) => pos + neg > 0, 'pos or neg must be above 0: else no voxel is a centre'),
  z.strictObject({
    name: z.literal('RandCropByLabelClassesd'),
    keys: BothKeys.optional(),
    label_key: z.literal('label').optional(),
    /** 0 or less: the image's own size, as in MONAI. */
    spatial_size: Sizes,
    /** For each label value from 0; all alike where absent. */
    ratios: z.array(z.number().nonnegative()).optional(),
    /** Labels are class indices of 8 bits, and 255 is what nobody labelled. */
    num_classes: z.number().int().min(1).max(255),
    num_samples: z.literal(1).optional(),
    units: Units,
  }),
  z.strictObject({
    name: z.literal('Flipd'),
    keys: BothKeys.optional(),
    spatial_axis: z
      .union([Axis, z.array(Axis).min(1)])
      .nullable()
      .default(null),
  }),
  z.strictObject({
    name: z.literal('Rotate90d'),
    keys: BothKeys.optional(),
    k: z.number().int().min(0).max(3).default(1),
    spatial_axes: z
      .tuple([Axis, Axis])
      .refine(([a, b]) => a !== b, 'two axes of the plane')
      .default([0, 1]),
  }),
]);
export type VolumeTransform = z.infer<typeof VolumeTransform>;

/** Any transform by its name. */
export const Transform = z.discriminatedUnion('name', [...VolumeTransform.options, ...PatchTransform.options]);
export type Transform = z.infer<typeof Transform>;

/** A list of transforms, as JSON has it. */
export const TransformList = z.array(Transform).meta({ id: 'TransformList' });
export type TransformList = z.infer<typeof TransformList>;
