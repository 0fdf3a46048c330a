import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { fromRasData, rasShapeOf, toRas } from './geometry.ts';
import { IGNORED_CLASS } from './ignored.ts';
import { normalizeChannel } from './normalize.ts';
import { orientationOf } from './orientation.ts';
import { resampleLinear, resampleLinearTo, resampleNearest } from './resample.ts';
import { resampleNearestBesideSpline, resampleSpline } from './spline.ts';
import { type Affine, type LabelMap, spacingOf, type Vec3, type Volume, voxelCount } from './volume.ts';

/** An image as a network sees it: RAS+, at the plan's voxel size where it names one, normalised. */
export interface PreprocessedCase {
  /** [channel][x][y][z] */
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Vec3;
  readonly spacingMm: Vec3;
  readonly affine: Affine;
  /** The image's own grid, to which predictions go back. */
  readonly original: { readonly shape: Vec3; readonly affine: Affine };
}

// Closer than this to the target (relative) an axis is at most 0.05 voxels off over 512: interpolating would only blur.
const SAME_SPACING = 1e-4;

/**
 * Orients, resamples and normalises an image. Linear interpolation comes before normalising (MONAI's Auto3DSeg; where all
 * neighbours are 0 the result is 0), splines after it (nnU-Net): their filter leaves traces everywhere, and what is not 0
 * would no longer be tissue. Throws `invalid-request` where its channels are not the plan's.
 */
export function preprocessImage(image: Volume, preprocessing: Plan['preprocessing']): PreprocessedCase {
  const { spacingMm, normalization } = preprocessing;
  if (image.channels !== normalization.length) {
    throw new VoxhelmError(
      'invalid-request',
      `the image has ${image.channels} channels, the plan normalises ${normalization.length}`,
      { fix: 'Give an image with the channels of the training images, in their order.' },
    );
  }
  const ras = toRas(image);
  const target = targetSpacing(ras.affine, spacingMm);
  const own = (volume: Volume): Volume =>
    // Normalising works in place: never on the caller's array.
    volume.data === image.data ? { ...volume, data: image.data.slice() } : volume;
  let result: Volume;
  if (target === null) result = normalized(own(ras), normalization);
  else if (preprocessing.interpolation === 'spline') result = normalizedThenSpline(own(ras), normalization, target);
  else result = normalized(resampleLinear(ras, target), normalization);
  return {
    data: result.data,
    channels: image.channels,
    shape: result.shape,
    spacingMm: target ?? spacingOf(ras.affine),
    affine: result.affine,
    original: { shape: image.shape, affine: image.affine },
  };
}

/** The image itself with each channel normalised, in place. */
function normalized(image: Volume, rules: Plan['preprocessing']['normalization']): Volume {
  for (const [channel, rule] of rules.entries()) normalizeChannel(channelOf(image, channel), rule);
  return image;
}

/**
 * Normalised in place, then resampled. Where a channel's zeros stay zeros, they do so after the splines as well: what was
 * not 0 is carried to the new grid as a label is.
 */
function normalizedThenSpline(image: Volume, rules: Plan['preprocessing']['normalization'], spacingMm: Vec3): Volume {
  const tissue = rules.map(({ mode }, channel) =>
    mode === 'zscore-nonzero' ? Uint8Array.from(channelOf(image, channel), (value) => (value === 0 ? 0 : 1)) : null,
  );
  const result = resampleSpline(normalized(image, rules), spacingMm);
  for (const [channel, data] of tissue.entries()) {
    if (data === null) continue;
    const mask = resampleNearestBesideSpline({ ...image, data }, spacingMm).data;
    const values = channelOf(result, channel);
    for (let i = 0; i < values.length; i++) if (mask[i] === 0) values[i] = 0;
  }
  return result;
}

function channelOf({ data, shape }: Volume, channel: number): Float32Array {
  const voxels = voxelCount(shape);
  return data.subarray(channel * voxels, (channel + 1) * voxels);
}

/**
 * The class index (position in `labels`) of each voxel, on the grid of {@link preprocessImage} (nearest neighbour).
 * A voxel of `ignoreLabel` has the index {@link IGNORED_CLASS}. Throws `invalid-request` on another value that `labels` lacks.
 */
export function preprocessLabel(
  label: LabelMap,
  preprocessing: Plan['preprocessing'],
  labels: readonly LabelDefinition[],
  ignoreLabel: number | null = null,
): Uint8Array {
  const ras = toRas(label);
  const target = targetSpacing(ras.affine, preprocessing.spacingMm);
  const resample = preprocessing.interpolation === 'spline' ? resampleNearestBesideSpline : resampleNearest;
  const { data } = target === null ? ras : resample(ras, target);
  const indexOf = new Map(labels.map(({ value }, index) => [value, index]));
  if (ignoreLabel !== null) indexOf.set(ignoreLabel, IGNORED_CLASS);
  const classes = new Uint8Array(data.length);
  let lastValue: number | null = null;
  let lastIndex = 0;
  for (let i = 0; i < data.length; i++) {
    const value = data[i] as number;
    // Neighbours mostly agree: the map is asked only where the value changes.
    if (value !== lastValue) {
      const index = indexOf.get(value);
      if (index === undefined) {
        throw new VoxhelmError('invalid-request', `label value ${value} is not among the plan's labels`, {
          fix: 'Add it to labels, or correct the label file.',
          details: { value, labels: labels.map((definition) => definition.value) },
        });
      }
      lastValue = value;
      lastIndex = index;
    }
    classes[i] = lastIndex;
  }
  return classes;
}

/**
 * Probabilities [class][x][y][z] of the preprocessed grid on the image's own grid: trilinear back to its voxel size,
 * beyond the last voxel its value (../shared/reference/automl.md 4.3), then its orientation. The result may be the
 * given array itself where nothing changes. Throws `internal` where size and case disagree.
 */
export function restoreProbabilities(probabilities: Float32Array, classes: number, c: PreprocessedCase): Float32Array {
  requireProbabilities(probabilities, classes, voxelCount(c.shape));
  const { rasShape, step, same } = wayBack(c);
  const ras = same ? probabilities : resampleLinearTo(probabilities, classes, c.shape, rasShape, step);
  return fromRasData(ras, classes, rasShape, c.original.affine);
}

/** Planes across the first axis, `to` exclusive. */
export interface PlaneRange {
  readonly from: number;
  readonly to: number;
}

/** The planes of the preprocessed grid (right to left) that {@link restorePlanes} needs for planes of the image in RAS. */
export function planesBehind(c: PreprocessedCase, { from, to }: PlaneRange): PlaneRange {
  const { step, same } = wayBack(c);
  if (same) return { from, to };
  const last = c.shape[0] - 1;
  return {
    from: Math.min(last, Math.floor(from * step[0])),
    to: Math.min(last, Math.floor((to - 1) * step[0]) + 1) + 1,
  };
}

/**
 * As {@link restoreProbabilities} for some planes of the image in RAS, which stay in RAS: from the probabilities of the planes
 * that {@link planesBehind} names. Throws `internal` where they are others.
 */
export function restorePlanes(
  probabilities: Float32Array,
  classes: number,
  c: PreprocessedCase,
  planes: PlaneRange,
): Float32Array {
  const behind = planesBehind(c, planes);
  const shape: Vec3 = [behind.to - behind.from, c.shape[1], c.shape[2]];
  requireProbabilities(probabilities, classes, voxelCount(shape));
  const { rasShape, step, same } = wayBack(c);
  if (same) return probabilities;
  const start: Vec3 = [planes.from * step[0] - behind.from, 0, 0];
  return resampleLinearTo(
    probabilities,
    classes,
    shape,
    [planes.to - planes.from, rasShape[1], rasShape[2]],
    step,
    start,
  );
}

/** How the preprocessed grid is sampled on the way back: the image's shape in RAS, and the step along each axis in voxels. */
function wayBack(c: PreprocessedCase): { rasShape: Vec3; step: Vec3; same: boolean } {
  const { shape, affine } = c.original;
  const rasShape = rasShapeOf(shape, affine);
  const from = rasSpacing(affine);
  const stepOf = (axis: 0 | 1 | 2): number => {
    const step = from[axis] / c.spacingMm[axis];
    return Math.abs(step - 1) < 1e-9 ? 1 : step;
  };
  const step: Vec3 = [stepOf(0), stepOf(1), stepOf(2)];
  return { rasShape, step, same: step.every((value, axis) => value === 1 && rasShape[axis] === c.shape[axis]) };
}

function requireProbabilities({ length }: Float32Array, classes: number, voxels: number): void {
  if (length === classes * voxels) return;
  throw new VoxhelmError('internal', `${length} probabilities are not ${classes} classes of ${voxels} voxels`);
}

/**
 * The label value of the most probable class of each voxel, of probabilities [class][voxel]; of equals the first class.
 * 8 bits where all values fit. Throws `internal` where sizes disagree, `invalid-request` on a value beyond 65535.
 */
export function argmaxLabels(
  probabilities: Float32Array,
  classes: number,
  labels: readonly LabelDefinition[],
): Uint8Array | Uint16Array {
  const voxels = probabilities.length / classes;
  if (labels.length !== classes || !Number.isInteger(voxels)) {
    throw new VoxhelmError(
      'internal',
      `${probabilities.length} probabilities of ${classes} classes do not fit ${labels.length} labels`,
    );
  }
  const values = labels.map(({ value }) => value);
  const largest = Math.max(...values);
  if (largest > 65_535) {
    throw new VoxhelmError('invalid-request', `label value ${largest} does not fit 16 bits`, {
      fix: 'Renumber the labels.',
    });
  }
  const result = largest > 255 ? new Uint16Array(voxels) : new Uint8Array(voxels);
  const best = probabilities.slice(0, voxels);
  result.fill(values[0] as number);
  // Class by class, so that every pass runs over contiguous numbers.
  for (let index = 1; index < classes; index++) {
    const value = values[index] as number;
    const offset = index * voxels;
    for (let i = 0; i < voxels; i++) {
      const probability = probabilities[offset + i] as number;
      if (probability > (best[i] as number)) {
        best[i] = probability;
        result[i] = value;
      }
    }
  }
  return result;
}

/** The voxel size to resample a RAS image to; null where it stays as it is. */
function targetSpacing(affine: Affine, spacingMm: Vec3 | null): Vec3 | null {
  if (spacingMm === null) return null;
  const from = spacingOf(affine);
  const same = spacingMm.every((target, axis) => Math.abs((from[axis] as number) / target - 1) < SAME_SPACING);
  return same ? null : spacingMm;
}

/** Voxel sizes along right, anterior, superior of an image in any orientation. */
function rasSpacing(affine: Affine): Vec3 {
  const own = spacingOf(affine);
  const { axes } = orientationOf(affine);
  const along = (world: number): number => own[axes.indexOf(world)] as number;
  return [along(0), along(1), along(2)];
}
