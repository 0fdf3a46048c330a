import { type Affine, affineAt, isVolume, type LabelData, type LabelMap, type Vec3, type Volume } from './volume.ts';

/*
 * Turning and mirroring without interpolation: orientation, flips, quarter turns. Every such change has an exact inverse.
 */

/** Where each axis of a rearranged array comes from: axis `from[i]` of the source, run backwards where `flip[i]`. */
export interface Rearrangement {
  readonly from: Vec3;
  readonly flip: readonly [boolean, boolean, boolean];
}

/** Mirrors some axes. */
export function flipOf(axes: readonly number[]): Rearrangement {
  return { from: [0, 1, 2], flip: [axes.includes(0), axes.includes(1), axes.includes(2)] };
}

/** `quarters` quarter turns in the plane of two axes, from the first towards the second (numpy's rot90). */
export function quarterTurns(quarters: number, [first, second]: readonly [number, number]): Rearrangement {
  const times = ((quarters % 4) + 4) % 4;
  if (times === 2) return flipOf([first, second]);
  if (times === 0) return flipOf([]);
  const from: [number, number, number] = [0, 1, 2];
  from[first as 0 | 1 | 2] = second as 0 | 1 | 2;
  from[second as 0 | 1 | 2] = first as 0 | 1 | 2;
  // The axis that takes the place of the first runs backwards after one turn, the other after three.
  return { ...flipOf([times === 1 ? first : second]), from };
}

/** What undoes a rearrangement. */
export function inverseOf({ from, flip }: Rearrangement): Rearrangement {
  const source = [0, 1, 2].map((axis) => from.indexOf(axis)) as [number, number, number];
  return { from: source, flip: source.map((axis) => flip[axis] === true) as [boolean, boolean, boolean] };
}

/** A volume or label map rearranged, its affine following; itself where nothing moves. */
export function rearrangeVolume<T extends Volume | LabelMap>(volume: T, change: Rearrangement): T {
  if (isIdentity(change)) return volume;
  const channels = isVolume(volume) ? volume.channels : 1;
  return {
    ...volume,
    shape: rearrangedShape(volume.shape, change),
    data: rearrange(volume.data, channels, volume.shape, change),
    affine: rearrangedAffine(volume.affine, volume.shape, change),
  };
}

/** True where nothing moves. */
export function isIdentity(change: Rearrangement): boolean {
  return change.from.every((axis, index) => axis === index) && !change.flip.includes(true);
}

/** The shape after a rearrangement. */
export function rearrangedShape(shape: Vec3, { from }: Rearrangement): Vec3 {
  return [shape[from[0]] ?? 0, shape[from[1]] ?? 0, shape[from[2]] ?? 0];
}

/** Affine after a rearrangement: old affine times the map from new voxel indices to old ones. */
export function rearrangedAffine(affine: Affine, shape: Vec3, { from, flip }: Rearrangement): Affine {
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

/** Bare arrays [channel][x][y][z] rearranged, always into a new array. */
export function rearrange<D extends Float32Array | LabelData>(
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
