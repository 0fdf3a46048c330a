import { type Orientation, orientationOf, RAS } from './orientation.ts';
import { isIdentity, type Rearrangement, rearrange, rearrangedShape, rearrangeVolume } from './rearrange.ts';
import type { Affine, LabelData, LabelMap, Vec3, Volume } from './volume.ts';

export { resampledShape, resampleLinear, resampleLinearTo, resampleNearest } from './resample.ts';

/** The same image with its axes along right, anterior, superior (only permuted and flipped); itself where they already are. */
export function toRas<T extends Volume | LabelMap>(volume: T): T {
  return toOrientation(volume, RAS);
}

/** The same image with its axes in another orientation; no voxel is interpolated, and the affine follows. */
export function toOrientation<T extends Volume | LabelMap>(volume: T, target: Orientation): T {
  return rearrangeVolume(volume, rearrangement(orientationOf(volume.affine), target));
}

/**
 * The inverse of {@link toRas} for bare arrays, such as probabilities [class][x][y][z]: from RAS of shape `rasShape`
 * back to the axes of `originalAffine`. Returns `data` itself where nothing moves.
 */
export function fromRasData<D extends Float32Array | LabelData>(
  data: D,
  channels: number,
  rasShape: Vec3,
  originalAffine: Affine,
): D {
  const change = rearrangement(RAS, orientationOf(originalAffine));
  return isIdentity(change) ? data : rearrange(data, channels, rasShape, change);
}

/** The shape that an array has after {@link toRas}. */
export function rasShapeOf(shape: Vec3, affine: Affine): Vec3 {
  return rearrangedShape(shape, rearrangement(orientationOf(affine), RAS));
}

/** What brings axes of one orientation to another. */
export function rearrangement(source: Orientation, target: Orientation): Rearrangement {
  const from = target.axes.map((world) => source.axes.indexOf(world)) as [number, number, number];
  const flips = from.map((axis, index) => source.signs[axis] !== target.signs[index]);
  return { from, flip: [flips[0] === true, flips[1] === true, flips[2] === true] };
}
