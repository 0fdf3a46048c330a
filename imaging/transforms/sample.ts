import { VoxhelmError } from '@voxhelm/contracts/errors';
import { inverseOf, rearrangedAffine, rearrangedShape, rearrangeVolume } from '../rearrange.ts';
import {
  resampledShape,
  resampleLinear,
  resampleLinearTo,
  resampleNearest,
  resampleNearestTo,
  withSpacing,
} from '../resample.ts';
import { type Affine, type LabelMap, spacingOf, type Vec3, type Volume, voxelCount } from '../volume.ts';
import { cropPatch } from './crop.ts';
import { IDENTITY_3, movedAffine, times3 } from './matrix.ts';
import { type MoveOperation, transformOf } from './move-operation.ts';
import { inverseTransform, NO_TRANSFORM, type SpatialTransform } from './spatial.ts';

/** What transforms work on: an image, and its labels on the same grid where there are any. */
export interface Sample {
  readonly image: Volume;
  readonly label: LabelMap | null;
}

/** Where voxels lie. */
export interface Grid {
  readonly shape: Vec3;
  readonly affine: Affine;
}

/** One change of where voxels lie, with everything random decided: plain JSON. */
export type GridOperation =
  | MoveOperation
  /** From `start` to `end` (exclusive); beyond the image `value`, for labels 0. */
  | { readonly kind: 'box'; readonly start: Vec3; readonly end: Vec3; readonly value: number }
  | { readonly kind: 'resample'; readonly spacingMm: Vec3 };

/** The sample after an operation; the given one stays as it is. */
export function applyGrid(operation: GridOperation, sample: Sample): Sample {
  switch (operation.kind) {
    case 'rearrange':
      return both(sample, (volume) => rearrangeVolume(volume, operation.change));
    case 'box':
      return boxed(sample, operation.start, operation.end, operation.value);
    case 'resample':
      return {
        image: resampleLinear(sample.image, operation.spacingMm),
        label: sample.label === null ? null : resampleNearest(sample.label, operation.spacingMm),
      };
    case 'warp':
      return warped(sample, transformOf(operation, sample.image.shape));
  }
}

/**
 * Undoes an operation, on this or another image of the same grid (a prediction): back to the grid `before`. What a crop
 * cut off is 0; what was sampled between voxels is sampled back. null for an elastic deformation, which has no inverse.
 */
export function undoGrid(operation: GridOperation, before: Grid, sample: Sample): Sample | null {
  switch (operation.kind) {
    case 'rearrange':
      return onGrid(
        both(sample, (volume) => rearrangeVolume(volume, inverseOf(operation.change))),
        before,
      );
    case 'box': {
      const start = operation.start.map((first) => 0 - first) as unknown as Vec3;
      const end = start.map((first, axis) => first + (before.shape[axis] as number)) as unknown as Vec3;
      return onGrid(boxed(sample, start, end, 0), before);
    }
    case 'resample':
      return resampledBack(sample, before);
    case 'warp':
      if (operation.elastic !== null) return null;
      return onGrid(warped(sample, inverseTransform(transformOf(operation, before.shape))), before);
  }
}

/**
 * The grid after an operation. Of a warp, whose undoing asks only for the shape, the affine is still the one before it.
 */
export function gridOfOperation(operation: GridOperation, { shape, affine }: Grid): Grid {
  switch (operation.kind) {
    case 'rearrange':
      return {
        shape: rearrangedShape(shape, operation.change),
        affine: rearrangedAffine(affine, shape, operation.change),
      };
    case 'box': {
      const { start, end } = operation;
      return {
        shape: [end[0] - start[0], end[1] - start[1], end[2] - start[2]],
        affine: movedAffine(affine, IDENTITY_3, start),
      };
    }
    case 'resample': {
      const from = spacingOf(affine);
      const to = operation.spacingMm;
      return { shape: resampledShape(shape, from, to), affine: withSpacing(affine, from, to) };
    }
    case 'warp':
      return { shape, affine };
  }
}

function both(sample: Sample, change: <T extends Volume | LabelMap>(volume: T) => T): Sample {
  return { image: change(sample.image), label: sample.label === null ? null : change(sample.label) };
}

/** The same voxels, said to lie where an original lay: free of what rounding did to the affine. */
function onGrid({ image, label }: Sample, { affine }: Grid): Sample {
  return { image: { ...image, affine }, label: label === null ? null : { ...label, affine } };
}

function boxed(sample: Sample, start: Vec3, end: Vec3, value: number): Sample {
  const size: Vec3 = [end[0] - start[0], end[1] - start[1], end[2] - start[2]];
  return cut(sample, start, size, NO_TRANSFORM, value, movedAffine(sample.image.affine, IDENTITY_3, start));
}

/** The whole volume sampled elsewhere; the affine follows the affine part, a field has none. */
function warped(sample: Sample, transform: SpatialTransform): Sample {
  const { shape, affine } = sample.image;
  const centre: Vec3 = [(shape[0] - 1) / 2, (shape[1] - 1) / 2, (shape[2] - 1) / 2];
  const turnedCentre = times3(transform.linear, centre);
  const offset = centre.map(
    (at, axis) => at + (transform.shiftVoxels[axis] as number) - (turnedCentre[axis] as number),
  ) as unknown as Vec3;
  return cut(sample, [0, 0, 0], shape, transform, 0, movedAffine(affine, transform.linear, offset));
}

function cut(
  { image, label }: Sample,
  start: Vec3,
  size: Vec3,
  transform: SpatialTransform,
  value: number,
  affine: Affine,
): Sample {
  if (label !== null && label.shape.some((length, axis) => length !== image.shape[axis])) {
    throw new VoxhelmError(
      'invalid-request',
      `the image is ${image.shape.join('x')}, its label ${label.shape.join('x')} voxels`,
      { fix: "Bring the label to the image's grid first." },
    );
  }
  const data = new Float32Array(image.channels * voxelCount(size)).fill(value);
  // An empty array takes no writes: without a label there is nothing to sample.
  const labels = label === null ? new Uint8Array(0) : label.data;
  const Labels = labels.constructor as new (length: number) => LabelMap['data'];
  const labelData = new Labels(label === null ? 0 : voxelCount(size));
  const place = { volumeShape: image.shape, start, size };
  cropPatch({ image: image.data, channels: image.channels, classes: labels }, place, transform, data, labelData);
  return {
    image: { shape: size, channels: image.channels, data, affine },
    label: label === null ? null : { shape: size, data: labelData, affine },
  };
}

function resampledBack({ image, label }: Sample, before: Grid): Sample {
  const from = spacingOf(image.affine);
  const to = spacingOf(before.affine);
  const step: Vec3 = [to[0] / from[0], to[1] / from[1], to[2] / from[2]];
  return {
    image: {
      ...before,
      channels: image.channels,
      data: resampleLinearTo(image.data, image.channels, image.shape, before.shape, step),
    },
    label: label === null ? null : { ...before, data: resampleNearestTo(label, before.shape, step) },
  };
}
