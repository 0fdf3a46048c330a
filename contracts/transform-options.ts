import { z } from 'zod';

/*
 * The forms that options of transforms take, as MONAI 1.6.1 reads them (TorchIO 1.2.1 for MR artifacts). A number that stands
 * for a list stays a number here: what reads it says which axes it is for, as MONAI's own code does.
 */

export const Probability = z.number().min(0).max(1);
/** An axis of the array. */
export const Axis = z.number().int().min(0).max(2);
/** An axis that counts from the last one where it is negative. */
const EitherAxis = z.number().int().min(-3).max(2);

/** Axes to mirror; null: all together. */
export const FlipAxes = z
  .union([EitherAxis, z.array(EitherAxis).min(1)], {
    error: 'an axis (0, 1, 2; -1 is the last), a list of them, or null',
  })
  .nullable()
  .default(null);

/** The plane of a quarter turn. */
export const Plane = z
  .tuple([EitherAxis, EitherAxis])
  .refine(([a, b]) => (a - b) % 3 !== 0, 'two axes of the plane')
  .default([0, 1]);

const TOGETHER = 'image and label are changed together: write ["image", "label"], or leave keys out';
const IMAGE_ALONE = 'intensities are the image\'s alone: write ["image"], or leave keys out';
const EITHER = 'keys are of "image" and "label"';

/** What is changed together: a transform that moves voxels moves image and label, all else the image alone. */
export const BothKeys = z
  .array(z.enum(['image', 'label'], { error: TOGETHER }), { error: TOGETHER })
  .length(2, { error: TOGETHER })
  .refine(([first, second]) => first !== second, { error: TOGETHER });
export const ImageKey = z.union([z.literal('image'), z.tuple([z.literal('image')])], { error: IMAGE_ALONE });
export const AnyKeys = z.union([z.enum(['image', 'label']), z.array(z.enum(['image', 'label'])).min(1)], {
  error: EITHER,
});

/** A draw from -x..x, or from low..high. */
export const Range = z.union([z.number(), z.tuple([z.number(), z.number()])], {
  error: 'a number x for -x..x, or [low, high]',
});
/** A draw of a whole number from 0..x, or from low..high. */
export const Count = z.union([z.number().int().min(0), z.tuple([z.number().int().min(0), z.number().int().min(0)])]);
/** What cannot be negative; as a range, x is 0..x. */
export const NotNegative = z.number().min(0);

/** A range for each axis in their order, or one number for the first alone; axes that are not named stay. */
function axisRanges(most: number) {
  return z
    .union([z.number(), z.array(Range).max(most)], {
      error: `a number x (-x..x for the first axis alone), or a list of up to ${most} ranges: x for -x..x, or [low, high]`,
    })
    .nullable()
    .default([]);
}

/** A number for all axes, or one for each. */
export function eachAxis(number: z.ZodNumber, error: string) {
  return z.union([number, z.tuple([number, number, number])], { error });
}
export const Sizes = eachAxis(z.number(), 'a number for all axes, or one for each');

/** Millimetres; 0 or less keeps an axis. The last number goes on for axes that are not named. */
export const Pixdim = z.union([z.number(), z.array(z.number()).min(1).max(3)], {
  error: 'mm for all axes, or a list of up to three, the last of which goes on',
});

const Zoom = z.number().positive();
/** Factors of the three axes; one: drawn once for all; two: the first two axes, and the third. */
export const Zooms = z.union([Zoom, z.array(Zoom).min(1).max(3)], {
  error: 'a factor above 0 for all axes, or a list of one, two (the first two axes, the third) or three',
});

/** True where bounds of a zoom are of as many axes, or one of them is for all. */
export function zoomsFit(least: z.infer<typeof Zooms>, most: z.infer<typeof Zooms>): boolean {
  const [low, high] = [[least].flat().length, [most].flat().length];
  return low === high || low === 1 || high === 1;
}

/** Lengths count voxels, as in MONAI, or millimetres by the image's voxel sizes. */
export const Units = z.enum(['voxel', 'mm']).default('voxel');

/** What lies beyond the image: its mirror image, its last voxel, or 0. */
export const PaddingMode = z.enum(['reflection', 'border', 'zeros']);

/** A word, or for image and label the same one each, as MONAI takes lists for its keys. */
export function forBoth<Word extends z.ZodEnum | z.ZodLiteral>(word: Word, error: string) {
  return z.union([word, z.tuple([word, word]).refine(([image, label]) => image === label, error)], { error });
}

/** An option of MONAI with the only value that means what is done here: it may be written, and says nothing. */
export function only<const Value extends string | number | boolean | null>(...values: Value[]) {
  const words = values.map((value) => JSON.stringify(value)).join(' or ');
  return z.literal(values, { error: `only ${words} is done here: write that, or leave it out` }).optional();
}

/** What every dictionary transform of MONAI takes: an image without its label is known by there being none. */
export const EveryMap = { allow_missing_keys: only(false) };
/** Of those that MONAI can put together into one sampling; here each is done by itself, but the moves of a training patch. */
export const LazyMap = { ...EveryMap, lazy: only(false) };

/** Images are sampled trilinearly, labels by the nearest voxel; nothing else would keep labels in their set. */
export const SampleMode = z
  .union([z.literal('bilinear'), z.tuple([z.literal('bilinear'), z.literal('nearest')])], {
    error: 'images are sampled trilinearly, labels by the nearest voxel: write "bilinear" or ["bilinear", "nearest"]',
  })
  .optional();

/** The same in RandZoomd's words. */
export const ZoomMode = z
  .union(
    [
      z.enum(['trilinear', 'bilinear']),
      z.tuple([z.enum(['trilinear', 'bilinear']), z.enum(['nearest', 'nearest-exact'])]),
    ],
    {
      error:
        'images are zoomed trilinearly, labels by the nearest voxel: write "trilinear" or ["trilinear", "nearest"]',
    },
  )
  .optional();

/** What RandAffined and Rand3DElasticd have in common. */
export const affineOptions = {
  rotate_range: axisRanges(3),
  /** Six: xy, xz, yx, yz, zx, zy. */
  shear_range: axisRanges(6),
  translate_range: axisRanges(3),
  scale_range: axisRanges(3),
  units: Units,
  mode: SampleMode,
  padding_mode: forBoth(PaddingMode, 'reflection, border or zeros, the same for image and label').default('reflection'),
  /** The image keeps its size. */
  spatial_size: only(null, -1),
  device: only(null),
};
