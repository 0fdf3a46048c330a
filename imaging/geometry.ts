import { type Orientation, orientationOf, RAS } from './orientation.ts';
import { type Affine, affineAt, isVolume, type LabelData, type LabelMap, type Vec3, type Volume } from './volume.ts';

export { resampledShape, resampleLinear, resampleLinearTo, resampleNearest } from './resample.ts';

/** Where each axis of a rearranged array comes from: axis `from[i]` of the source, run backwards where `flip[i]`. */
interface Rearrangement {
  readonly from: Vec3;
  readonly flip: readonly [boolean, boolean, boolean];
}

/** The same image with its axes along right, anterior, superior (only permuted and flipped); itself where they already are. */
export function toRas<T extends Volume | LabelMap>(volume: T): T {
  return toOrientation(volume, RAS);
}

/** The same image with its axes in another orientation; no voxel is interpolated, and the affine follows. */
export function toOrientation<T extends Volume | LabelMap>(volume: T, target: Orientation): T {
  const change = rearrangement(orientationOf(volume.affine), target);
  if (isIdentity(change)) return volume;
  const channels = isVolume(volume) ? volume.channels : 1;
  return {
    ...volume,
    shape: rearrangedShape(volume.shape, change),
    data: rearrange(volume.data, channels, volume.shape, change),
    affine: rearrangedAffine(volume.affine, volume.shape, change),
  };
}

/** The inverse of {@link toRas}: back to the orientation of an original grid, whose affine the result takes. */
export function fromRas<T extends Volume | LabelMap>(volume: T, original: { shape: Vec3; affine: Affine }): T {
  const channels = isVolume(volume) ? volume.channels : 1;
  return {
    ...volume,
    shape: original.shape,
    data: fromRasData(volume.data, channels, volume.shape, original.affine),
    affine: original.affine,
  };
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

function rearrangement(source: Orientation, target: Orientation): Rearrangement {
  const from = target.axes.map((world) => source.axes.indexOf(world)) as [number, number, number];
  const flips = from.map((axis, index) => source.signs[axis] !== target.signs[index]);
  return { from, flip: [flips[0] === true, flips[1] === true, flips[2] === true] };
}

function isIdentity(change: Rearrangement): boolean {
  return change.from.every((axis, index) => axis === index) && !change.flip.includes(true);
}

function rearrangedShape(shape: Vec3, { from }: Rearrangement): Vec3 {
  return [shape[from[0]] ?? 0, shape[from[1]] ?? 0, shape[from[2]] ?? 0];
}

/** New affine = old affine times the map from new voxel indices to old ones. */
function rearrangedAffine(affine: Affine, shape: Vec3, { from, flip }: Rearrangement): Affine {
  const rows = [0, 1, 2].map((row) => {
    let offset = affineAt(affine, row, 3);
    const columns = from.map((axis, index) => {
      const element = affineAt(affine, row, axis);
      if (flip[index] !== true) return element;
      offset += element * ((shape[axis] ?? 1) - 1);
      return 0 - element; // Not -element: a negative zero would be written to files.
    });
    return [...columns, offset];
  });
  return [...rows.flat(), 0, 0, 0, 1];
}

function rearrange<D extends Float32Array | LabelData>(
  data: D,
  channels: number,
  shape: Vec3,
  change: Rearrangement,
): D {
  const sourceStrides = [shape[1] * shape[2], shape[2], 1];
  const [sizeX, sizeY, sizeZ] = rearrangedShape(shape, change);
  let origin = 0;
  const steps = change.from.map((axis, index) => {
    const stride = sourceStrides[axis] ?? 1;
    if (change.flip[index] !== true) return stride;
    origin += stride * ((shape[axis] ?? 1) - 1);
    return -stride;
  });
  const [stepX = 0, stepY = 0, stepZ = 0] = steps;
  const result = emptyLike(data);
  const voxels = sizeX * sizeY * sizeZ;
  let to = 0;
  for (let channel = 0; channel < channels; channel += 1) {
    for (let x = 0; x < sizeX; x += 1) {
      for (let y = 0; y < sizeY; y += 1) {
        let source = channel * voxels + origin + x * stepX + y * stepY;
        for (let z = 0; z < sizeZ; z += 1) {
          result[to] = data[source] as number;
          to += 1;
          source += stepZ;
        }
      }
    }
  }
  return result;
}

/** A zeroed array of the same kind and length. */
function emptyLike<D extends Float32Array | LabelData>(data: D): D {
  const make = data.constructor as new (length: number) => D;
  return new make(data.length);
}
