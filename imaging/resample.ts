import { nearestPositions, roundHalfEven } from './nearest-positions.ts';
import { type Affine, affineAt, type LabelMap, spacingOf, type Vec3, type Volume, voxelCount } from './volume.ts';

/*
 * Resampling as MONAI's Spacing does it: the centres of the first voxels coincide, output voxel i samples input position
 * i * target / source, positions beyond the last voxel take its value. Source: ../shared/reference/automl.md 4.3.
 */

/** Voxels per axis after resampling: round-half-even((n - 1) * source / target + 1), at least one. */
export function resampledShape(shape: Vec3, fromSpacingMm: Vec3, toSpacingMm: Vec3): Vec3 {
  const size = (axis: 0 | 1 | 2): number =>
    Math.max(1, roundHalfEven(((shape[axis] - 1) * fromSpacingMm[axis]) / toSpacingMm[axis] + 1));
  return [size(0), size(1), size(2)];
}

/** Trilinear resampling of an image to voxel sizes in millimetres (axes as they are). */
export function resampleLinear(volume: Volume, spacingMm: Vec3): Volume {
  const from = spacingOf(volume.affine);
  const shape = resampledShape(volume.shape, from, spacingMm);
  const step: Vec3 = [spacingMm[0] / from[0], spacingMm[1] / from[1], spacingMm[2] / from[2]];
  return {
    shape,
    channels: volume.channels,
    data: resampleLinearTo(volume.data, volume.channels, volume.shape, shape, step),
    affine: withSpacing(volume.affine, from, spacingMm),
  };
}

/** Nearest-neighbour resampling of a label map to voxel sizes in millimetres (axes as they are). */
export function resampleNearest(label: LabelMap, spacingMm: Vec3): LabelMap {
  const from = spacingOf(label.affine);
  const shape = resampledShape(label.shape, from, spacingMm);
  const step: Vec3 = [spacingMm[0] / from[0], spacingMm[1] / from[1], spacingMm[2] / from[2]];
  return { shape, data: resampleNearestTo(label, shape, step), affine: withSpacing(label.affine, from, spacingMm) };
}

/** Nearest-neighbour resampling of bare label values: output voxel i of an axis is the input voxel nearest to i * step. */
export function resampleNearestTo(label: Pick<LabelMap, 'shape' | 'data'>, shape: Vec3, step: Vec3): LabelMap['data'] {
  const nearest = (axis: 0 | 1 | 2): Int32Array => nearestPositions(label.shape[axis], shape[axis], step[axis]);
  return pickVoxels(label, [nearest(0), nearest(1), nearest(2)]);
}

/** Bare label values whose voxel [i, j, k] is the given one's at [xs[i], ys[j], zs[k]]. */
export function pickVoxels(
  label: Pick<LabelMap, 'shape' | 'data'>,
  [xs, ys, zs]: readonly [Int32Array, Int32Array, Int32Array],
): LabelMap['data'] {
  const [sizeX, sizeY, sizeZ] = [xs.length, ys.length, zs.length];
  const make = label.data.constructor as new (length: number) => LabelMap['data'];
  const data = new make(sizeX * sizeY * sizeZ);
  let to = 0;
  for (let x = 0; x < sizeX; x += 1) {
    for (let y = 0; y < sizeY; y += 1) {
      const row = ((xs[x] ?? 0) * label.shape[1] + (ys[y] ?? 0)) * label.shape[2];
      for (let z = 0; z < sizeZ; z += 1) {
        data[to] = label.data[row + (zs[z] ?? 0)] as number;
        to += 1;
      }
    }
  }
  return data;
}

/**
 * Trilinear resampling of bare arrays [channel][x][y][z], for instance probabilities back to an original grid:
 * output voxel i of an axis samples input position start + i * step, clamped to the border. One axis after the other.
 */
export function resampleLinearTo(
  data: Float32Array,
  channels: number,
  fromShape: Vec3,
  toShape: Vec3,
  step: Vec3,
  start: Vec3 = [0, 0, 0],
): Float32Array {
  let current = data;
  let shape: Vec3 = fromShape;
  for (const axis of [0, 1, 2] as const) {
    if (shape[axis] === toShape[axis] && step[axis] === 1 && start[axis] === 0) continue;
    const next: Vec3 = [
      axis === 0 ? toShape[0] : shape[0],
      axis === 1 ? toShape[1] : shape[1],
      axis === 2 ? toShape[2] : shape[2],
    ];
    current = resampleAxis(current, channels, shape, axis, next[axis], step[axis], start[axis]);
    shape = next;
  }
  return current === data ? data.slice() : current;
}

/** One axis: every output plane is a blend of two input planes, so that the inner loop runs over contiguous numbers. */
function resampleAxis(
  data: Float32Array,
  channels: number,
  shape: Vec3,
  axis: 0 | 1 | 2,
  toSize: number,
  step: number,
  start: number,
): Float32Array {
  const fromSize = shape[axis];
  const inner = axis === 0 ? shape[1] * shape[2] : axis === 1 ? shape[2] : 1;
  const outer = (channels * voxelCount(shape)) / (fromSize * inner);
  const result = new Float32Array(outer * toSize * inner);
  for (let index = 0; index < toSize; index += 1) {
    const position = Math.min(fromSize - 1, Math.max(0, start + index * step));
    const low = Math.floor(position);
    const high = Math.min(fromSize - 1, low + 1);
    const weight = position - low;
    for (let block = 0; block < outer; block += 1) {
      const lowStart = (block * fromSize + low) * inner;
      const highStart = (block * fromSize + high) * inner;
      const to = (block * toSize + index) * inner;
      for (let offset = 0; offset < inner; offset += 1) {
        const a = data[lowStart + offset] as number;
        result[to + offset] = weight === 0 ? a : a + weight * ((data[highStart + offset] as number) - a);
      }
    }
  }
  return result;
}

/** The same axes and origin with other voxel sizes. */
export function withSpacing(affine: Affine, fromSpacingMm: Vec3, toSpacingMm: Vec3): Affine {
  const rows = [0, 1, 2].map((row) => [
    (affineAt(affine, row, 0) / fromSpacingMm[0]) * toSpacingMm[0],
    (affineAt(affine, row, 1) / fromSpacingMm[1]) * toSpacingMm[1],
    (affineAt(affine, row, 2) / fromSpacingMm[2]) * toSpacingMm[2],
    affineAt(affine, row, 3),
  ]);
  return [...rows.flat(), 0, 0, 0, 1];
}
