import type { Box } from '../components.ts';
import { boxesOfValues, boxShape, maskInBox } from '../components.ts';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { squaredDistanceTransform } from './distance-transform.ts';

/** Distances (mm) of each surface voxel of one mask to the nearest surface voxel of the other, ascending. */
export interface SurfaceDistances {
  readonly fromPrediction: Float32Array;
  readonly fromTruth: Float32Array;
}

/** Surface scores of one class. null: a distance that is not defined, because one mask or both are empty. */
export interface SurfaceScores {
  readonly hdMm: number | null;
  readonly hd95Mm: number | null;
  readonly assdMm: number | null;
  /** 0 where exactly one mask is empty, null where both are. */
  readonly surfaceDice: number | null;
}

/** Where label values lie: boxes by value, of all that a score asks for. */
export interface LabelBoxes {
  readonly prediction: ReadonlyMap<number, Box>;
  readonly truth: ReadonlyMap<number, Box>;
}

/** {@link LabelBoxes} of some values in two label maps of one shape. */
export function labelBoxes(
  prediction: ArrayLike<number>,
  truth: ArrayLike<number>,
  values: readonly number[],
  shape: Vec3,
): LabelBoxes {
  return { prediction: boxesOfValues(prediction, shape, values), truth: boxesOfValues(truth, shape, values) };
}

/**
 * Scores the surfaces of one label value: Hausdorff distance, its 95th percentile, average symmetric surface distance,
 * and the share of both surfaces that lies within `toleranceMm` of the other. A surface voxel is one of the mask that
 * has a face neighbour outside it, beyond the image included (MONAI's convention; ../shared/reference/automl.md 3.2). `boxes` of many values are found once for all.
 */
export function surfaceScores(
  prediction: ArrayLike<number>,
  truth: ArrayLike<number>,
  value: number,
  shape: Vec3,
  spacingMm: Vec3,
  toleranceMm: number,
  boxes: LabelBoxes = labelBoxes(prediction, truth, [value], shape),
): SurfaceScores {
  const predictionBox = boxes.prediction.get(value);
  const truthBox = boxes.truth.get(value);
  if (predictionBox === undefined || truthBox === undefined) {
    const surfaceDice = predictionBox === truthBox ? null : 0;
    return { hdMm: null, hd95Mm: null, assdMm: null, surfaceDice };
  }
  const box = unionOf(predictionBox, truthBox);
  const size = boxShape(box);
  const distances = surfaceDistances(
    maskInBox(prediction, shape, value, box),
    maskInBox(truth, shape, value, box),
    size,
    spacingMm,
  );
  const { fromPrediction, fromTruth } = distances;
  return {
    hdMm: Math.max(fromPrediction.at(-1) as number, fromTruth.at(-1) as number),
    hd95Mm: Math.max(percentileOf(fromPrediction, 0.95), percentileOf(fromTruth, 0.95)),
    assdMm: (sumOf(fromPrediction) + sumOf(fromTruth)) / (fromPrediction.length + fromTruth.length),
    surfaceDice:
      (countWithin(fromPrediction, toleranceMm) + countWithin(fromTruth, toleranceMm)) /
      (fromPrediction.length + fromTruth.length),
  };
}

/** Distances between the surfaces of two masks of one shape, neither of them empty, in both directions. */
export function surfaceDistances(
  prediction: Uint8Array,
  truth: Uint8Array,
  shape: Vec3,
  spacingMm: Vec3,
): SurfaceDistances {
  const predictionSurface = surfaceOf(prediction, shape);
  const truthSurface = surfaceOf(truth, shape);
  return {
    fromPrediction: distancesAt(predictionSurface, squaredDistanceTransform(truthSurface, shape, spacingMm)),
    fromTruth: distancesAt(truthSurface, squaredDistanceTransform(predictionSurface, shape, spacingMm)),
  };
}

/** The mask's voxels that one of the 6 face neighbours does not share; the array's outside counts as background. */
export function surfaceOf(mask: Uint8Array, shape: Vec3): Uint8Array {
  const [sizeX, sizeY, sizeZ] = shape;
  const strideX = sizeY * sizeZ;
  const surface = new Uint8Array(voxelCount(shape));
  let i = 0;
  for (let x = 0; x < sizeX; x++) {
    for (let y = 0; y < sizeY; y++) {
      const edge = x === 0 || x === sizeX - 1 || y === 0 || y === sizeY - 1;
      for (let z = 0; z < sizeZ; z++, i++) {
        if (mask[i] === 0) continue;
        const inside =
          !edge &&
          z > 0 &&
          z < sizeZ - 1 &&
          mask[i - 1] !== 0 &&
          mask[i + 1] !== 0 &&
          mask[i - sizeZ] !== 0 &&
          mask[i + sizeZ] !== 0 &&
          mask[i - strideX] !== 0 &&
          mask[i + strideX] !== 0;
        if (!inside) surface[i] = 1;
      }
    }
  }
  return surface;
}

function distancesAt(surface: Uint8Array, squaredMm: Float32Array): Float32Array {
  let count = 0;
  for (let i = 0; i < surface.length; i++) count += surface[i] as number;
  const distances = new Float32Array(count);
  let to = 0;
  for (let i = 0; i < surface.length; i++) {
    if (surface[i] !== 0) distances[to++] = Math.sqrt(squaredMm[i] as number);
  }
  return distances.sort();
}

/**
 * Percentile of ascending values, interpolated linearly between neighbours. The rank is rounded to float32 as in the
 * reference's torch.quantile, whose figures would otherwise differ by up to 1e-3 of a gap on large surfaces.
 */
export function percentileOf(ascending: Float32Array, fraction: number): number {
  const rank = Math.fround(Math.fround(fraction) * (ascending.length - 1));
  const below = Math.floor(rank);
  const low = ascending[below] as number;
  const high = ascending[Math.min(below + 1, ascending.length - 1)] as number;
  return low + (high - low) * (rank - below);
}

function sumOf(values: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum;
}

/** Values at most the tolerance; float32 rounding (6e-8 relative) must not put 0.8 mm outside 0.8 mm. */
function countWithin(ascending: Float32Array, toleranceMm: number): number {
  const limit = toleranceMm * (1 + 1e-6);
  let count = 0;
  while (count < ascending.length && (ascending[count] as number) <= limit) count += 1;
  return count;
}

function unionOf(a: Box, b: Box): Box {
  const low = (axis: 0 | 1 | 2): number => Math.min(a.start[axis], b.start[axis]);
  const high = (axis: 0 | 1 | 2): number => Math.max(a.end[axis], b.end[axis]);
  return { start: [low(0), low(1), low(2)], end: [high(0), high(1), high(2)] };
}
