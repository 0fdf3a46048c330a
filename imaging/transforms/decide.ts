import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Transform } from '@voxhelm/contracts/transforms';
import { rearrangement } from '../geometry.ts';
import { orientationFromCode, orientationOf } from '../orientation.ts';
import type { Random } from '../random.ts';
import { flipOf, quarterTurns } from '../rearrange.ts';
import { type Affine, affineAt, spacingOf, type Vec3, voxelCount } from '../volume.ts';
import { drawCentre, indexClasses, startAround } from './crop-centres.ts';
import { decideIntensity } from './decide-intensity.ts';
import { moments } from './intensity.ts';
import type { IntensityOperation, IntensityPatch } from './intensity-operation.ts';
import type { Matrix3 } from './matrix.ts';
import { axesOf, decideMove, isMove, planeOf } from './move-operation.ts';
import type { GridOperation, Sample } from './sample.ts';

/** One change of a sample with everything random decided: plain JSON. */
export type Operation = GridOperation | IntensityOperation;

/** What a transform does to this sample: no operation where it was not drawn or nothing changes. */
export function decide(random: Random, transform: Transform, sample: Sample): Operation[] {
  const { image } = sample;
  if (isMove(transform)) {
    const move = decideMove(random, transform, { spacingMm: spacingOf(image.affine) });
    return move === null ? [] : [move];
  }
  switch (transform.name) {
    case 'LoadImaged': // Done before there is a sample: see files.ts.
    case 'EnsureChannelFirstd': // Volumes are [channel][x][y][z] from the reader on.
      return [];
    case 'Orientationd':
      return [
        {
          kind: 'rearrange',
          change: rearrangement(orientationOf(image.affine), orientationFromCode([transform.axcodes].flat().join(''))),
        },
      ];
    case 'Flipd':
      return [{ kind: 'rearrange', change: flipOf(axesOf(transform.spatial_axis)) }];
    case 'Rotate90d':
      return [{ kind: 'rearrange', change: quarterTurns(transform.k, planeOf(transform.spatial_axes)) }];
    case 'Spacingd': {
      const wanted = [transform.pixdim].flat();
      const spacingMm = spacingOf(image.affine).map((own, axis) => {
        // MONAI: the last number goes on, and one that is no size keeps the axis.
        const mm = wanted[Math.min(axis, wanted.length - 1)] as number;
        return mm > 0 ? mm : own;
      });
      return [{ kind: 'resample', spacingMm: spacingMm as unknown as Vec3 }];
    }
    case 'ScaleIntensityRanged':
      return scaleRange(transform);
    case 'NormalizeIntensityd':
      return normalize(transform, sample);
    case 'CropForegroundd':
      return [foregroundBox(transform, sample)];
    case 'SpatialPadd':
      return [padding(transform, sample)];
    case 'RandCropByPosNegLabeld': {
      const { positive, negative } = posNegCentres(transform, sample);
      // MONAI: where there are none of one kind, all are of the other.
      const ratios = positive.length === 0 ? [1, 0] : negative.length === 0 ? [0, 1] : [transform.neg, transform.pos];
      return [randomBox(random, transform, sample, [negative, positive], ratios)];
    }
    case 'RandCropByLabelClassesd': {
      const classes = indexClasses(labelClasses(transform, sample), transform.num_classes);
      return [randomBox(random, transform, sample, classes, ratiosOf(transform))];
    }
    default:
      return decideIntensity(random, transform, patchOf(sample));
  }
}

/** A sample's intensities as a patch; changes go into the sample's own array. */
export function patchOf({ image }: Sample): IntensityPatch {
  const { data, channels, shape, affine } = image;
  return { data, channels, shape, spacingMm: spacingOf(affine), axes: axesInWorld(affine), whole: true };
}

/** The directions of the array's axes: the affine's columns, at length 1. */
function axesInWorld(affine: Affine): Matrix3 {
  const spacingMm = spacingOf(affine);
  return [0, 1, 2].flatMap((row) =>
    spacingMm.map((mm, column) => affineAt(affine, row, column) / mm),
  ) as unknown as Matrix3;
}

type Of<Name extends Transform['name']> = Extract<Transform, { name: Name }>;

function scaleRange({ a_min, a_max, clip, ...given }: Of<'ScaleIntensityRanged'>): Operation[] {
  const b_min = given.b_min ?? 0;
  const b_max = given.b_max ?? 1;
  // MONAI only shifts where the range is empty.
  const scale = a_max === a_min ? 1 : (b_max - b_min) / (a_max - a_min);
  const change: Operation = { kind: 'linear', channels: [{ scale, offset: b_min - a_min * scale }], zerosStay: false };
  return clip ? [change, { kind: 'clip', lower: Math.min(b_min, b_max), upper: Math.max(b_min, b_max) }] : [change];
}

function normalize(transform: Of<'NormalizeIntensityd'>, { image }: Sample): Operation[] {
  const { subtrahend, divisor, nonzero, channel_wise } = transform;
  for (const given of [subtrahend, divisor]) checkChannels(given, channel_wise, image.channels);
  const voxels = voxelCount(image.shape);
  const given = (value: ChannelNumbers, channel: number): number | null | undefined =>
    Array.isArray(value) ? value[channel] : value;
  const parts = channel_wise
    ? Array.from({ length: image.channels }, (_, i) => image.data.subarray(i * voxels, (i + 1) * voxels))
    : [image.data];
  const channels = parts.map((part, channel) => {
    const own = moments(part, nonzero) ?? { mean: 0, deviation: 1 };
    const deviation = given(divisor, channel) ?? own.deviation;
    const scale = deviation === 0 ? 1 : 1 / deviation;
    return { scale, offset: -(given(subtrahend, channel) ?? own.mean) * scale };
  });
  return [{ kind: 'linear', channels, zerosStay: nonzero }];
}

/** A number for each channel, or one for all; the image's own where there is none. */
type ChannelNumbers = number | number[] | null | undefined;

/** Refuses numbers of channels where the image has others, or is taken as a whole. */
function checkChannels(given: ChannelNumbers, channelWise: boolean, channels: number): void {
  if (!Array.isArray(given) || (channelWise && given.length === channels)) return;
  throw new VoxhelmError(
    'invalid-request',
    channelWise
      ? `NormalizeIntensityd has ${given.length} numbers for ${channels} channels`
      : 'NormalizeIntensityd has numbers for single channels without channel_wise',
    { fix: 'Give one number for each channel with channel_wise, or one for all.' },
  );
}

/** A size in voxels along each axis, of one given in voxels or millimetres; rounded up. */
function voxelsOf(size: number | Vec3, units: 'voxel' | 'mm', { image }: Sample): Vec3 {
  const spacingMm = spacingOf(image.affine);
  return [0, 1, 2].map((axis) => {
    const given = typeof size === 'number' ? size : (size[axis] as number);
    // A whole number of voxels must not become one more by rounding.
    return units === 'mm' ? Math.ceil(given / (spacingMm[axis] as number) - 1e-6) : Math.ceil(given);
  }) as unknown as Vec3;
}

/** The box of all voxels above the threshold, with its margin, to multiples of `k_divisible` (MONAI's rules). */
function foregroundBox(transform: Of<'CropForegroundd'>, sample: Sample): Operation {
  const source = transform.source_key === 'label' ? labelOf(sample, transform).data : sample.image.data;
  const { shape } = sample.image;
  const { first, last } = extentAbove(source, shape, transform.threshold);
  if (last.some((position) => position < 0)) {
    throw new VoxhelmError(
      'bad-image',
      `CropForegroundd: no voxel of the ${transform.source_key} is above ${transform.threshold}`,
      {
        fix: 'Set its threshold below the foreground, or use source_key "label".',
      },
    );
  }
  const margin = voxelsOf(transform.margin, transform.units, sample);
  const multiple = voxelsOf(transform.k_divisible, 'voxel', sample);
  const start = [0, 0, 0];
  const end = [0, 0, 0];
  for (const axis of [0, 1, 2] as const) {
    let low = (first[axis] as number) - margin[axis];
    let high = (last[axis] as number) + 1 + margin[axis];
    if (transform.allow_smaller) {
      low = Math.max(0, low);
      high = Math.min(shape[axis], high);
    }
    const size = Math.ceil((high - low) / multiple[axis]) * multiple[axis];
    start[axis] = low - Math.floor((size - (high - low)) / 2);
    end[axis] = (start[axis] as number) + size;
  }
  return { kind: 'box', start: start as unknown as Vec3, end: end as unknown as Vec3, value: 0 };
}

/** First and last position along each axis with a value above the threshold in any channel. */
function extentAbove(values: ArrayLike<number>, shape: Vec3, threshold: number): { first: number[]; last: number[] } {
  const first = [...shape];
  const last = [-1, -1, -1];
  const voxels = voxelCount(shape);
  for (let i = 0; i < values.length; i++) {
    if (!((values[i] as number) > threshold)) continue;
    const voxel = i % voxels;
    const row = Math.floor(voxel / shape[2]);
    const at = [Math.floor(row / shape[1]), row % shape[1], voxel % shape[2]];
    for (const axis of [0, 1, 2]) {
      first[axis] = Math.min(first[axis] as number, at[axis] as number);
      last[axis] = Math.max(last[axis] as number, at[axis] as number);
    }
  }
  return { first, last };
}

function padding(transform: Of<'SpatialPadd'>, sample: Sample): Operation {
  const wanted = voxelsOf(transform.spatial_size, transform.units, sample);
  const { shape } = sample.image;
  const more = wanted.map((size, axis) => Math.max(0, size - (shape[axis] as number)));
  const start = more.map((width) => (transform.method === 'end' ? 0 : 0 - Math.floor(width / 2)));
  const end = start.map((first, axis) => first + (shape[axis] as number) + (more[axis] as number));
  return { kind: 'box', start: start as unknown as Vec3, end: end as unknown as Vec3, value: transform.value };
}

function labelOf({ label }: Sample, { name }: { readonly name: string }): NonNullable<Sample['label']> {
  if (label === null) {
    throw new VoxhelmError('invalid-request', `${name} needs a label, and the sample has none`, {
      fix: 'Give a label, or leave the transform out.',
    });
  }
  return label;
}

/**
 * Where RandCropByPosNegLabeld may centre a patch: voxels of any label, and voxels of none; with `image_key` only those of
 * none whose image is above `image_threshold` in any channel (MONAI's map_binary_to_indices). Thinned out as
 * {@link indexClasses} does. Throws `bad-image` where there is no such voxel.
 */
export function posNegCentres(
  transform: Of<'RandCropByPosNegLabeld'>,
  sample: Sample,
): { readonly positive: Uint32Array; readonly negative: Uint32Array } {
  const label = labelOf(sample, transform);
  const { channels, data, shape } = sample.image;
  const voxels = voxelCount(shape);
  const isAbove = (i: number): boolean => {
    for (let at = i; at < channels * voxels; at += voxels) {
      if ((data[at] as number) > transform.image_threshold) return true;
    }
    return false;
  };
  const isNegative = transform.image_key === 'image' ? isAbove : () => true;
  // Class 2 is neither, and never drawn.
  const classes = Uint8Array.from(label.data, (value, i) => (value !== 0 ? 1 : isNegative(i) ? 0 : 2));
  const [negative, positive] = indexClasses(classes, 3) as [Uint32Array, Uint32Array, Uint32Array];
  if (negative.length + positive.length === 0) {
    throw new VoxhelmError(
      'bad-image',
      `${transform.name}: the label is empty and no voxel of the image is above ${transform.image_threshold}`,
      { fix: 'Lower image_threshold, or leave image_key out: patches then lie anywhere.' },
    );
  }
  return { positive, negative };
}

/** The label as class indices. Throws `invalid-request` on a value beyond `num_classes`. */
function labelClasses(transform: Of<'RandCropByLabelClassesd'>, sample: Sample): Uint8Array {
  const { data } = labelOf(sample, transform);
  const { name, num_classes: count } = transform;
  const wrong = data.find((value) => value < 0 || value >= count);
  if (wrong !== undefined) {
    throw new VoxhelmError('invalid-request', `${name}: the label holds the value ${wrong}, num_classes is ${count}`, {
      fix: 'Set num_classes to the largest label value plus one (at most 255), or renumber the labels.',
    });
  }
  return Uint8Array.from(data);
}

function ratiosOf({ ratios, num_classes: count, name }: Of<'RandCropByLabelClassesd'>): readonly number[] {
  if (ratios === undefined || ratios === null) return new Array<number>(count).fill(1);
  if (ratios.length === count) return ratios;
  throw new VoxhelmError('invalid-request', `${name} has ${ratios.length} ratios for ${count} classes`, {
    fix: 'Give one ratio for each label value from 0 on.',
  });
}

function randomBox(
  random: Random,
  { spatial_size, units }: Of<'RandCropByPosNegLabeld'> | Of<'RandCropByLabelClassesd'>,
  sample: Sample,
  classVoxels: readonly Uint32Array[],
  ratios: readonly number[],
): Operation {
  const { shape } = sample.image;
  const given = voxelsOf(spatial_size, units, sample);
  // MONAI: a size that is none is the image's own.
  const size = given.map((voxels, axis) => (voxels > 0 ? voxels : shape[axis])) as unknown as Vec3;
  const start = startAround(drawCentre(classVoxels, ratios, voxelCount(shape), random), shape, size);
  return { kind: 'box', start, end: [start[0] + size[0], start[1] + size[1], start[2] + size[2]], value: 0 };
}
