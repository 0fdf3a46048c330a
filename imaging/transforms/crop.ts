import type { LabelData, Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { mirrorsOnly, type Padding, type SpatialTransform } from './spatial.ts';

/** Where a patch lies in a volume. `start` may be negative where the volume is smaller than the patch (zero padding). */
export interface PatchPlace {
  readonly volumeShape: Vec3;
  readonly start: Vec3;
  readonly size: Vec3;
}

/** Where patches are cut from, and where they go: an image [channel][x][y][z] and its classes or label values. */
export interface ImageAndClasses<Classes extends LabelData = LabelData> {
  readonly image: Float32Array;
  readonly channels: number;
  readonly classes: Classes;
}

/**
 * Cuts the patch out of every channel of the image ([channel][x][y][z]) and out of the classes with one and the same
 * transform: copied where it only mirrors, else sampled straight from the volume (image trilinear, classes nearest), so
 * that a rotated patch shows what lies around it instead of made-up corners. Beyond the volume the transform's padding
 * goes on; where the volume was padded to the patch, the padding (0, background) is sampled. Writes `image` and
 * `classes`, which hold zeros before.
 */
export function cropPatch<Classes extends LabelData>(
  volume: ImageAndClasses<Classes>,
  place: PatchPlace,
  transform: SpatialTransform,
  image: Float32Array,
  classes: Classes,
): void {
  const flips = mirrorsOnly(transform);
  if (flips === null) {
    samplePatch(volume, place, transform, image, classes);
    return;
  }
  const volumeVoxels = voxelCount(place.volumeShape);
  const patchVoxels = voxelCount(place.size);
  copyPatch(volume.classes, 0, place, flips, classes, 0);
  for (let channel = 0; channel < volume.channels; channel++) {
    copyPatch(volume.image, channel * volumeVoxels, place, flips, image, channel * patchVoxels);
  }
}

/** Copies a patch with mirrored axes; what lies outside the volume stays as it is in `to`, which must hold zeros. */
function copyPatch<Data extends Float32Array | LabelData>(
  from: Data,
  fromOffset: number,
  { volumeShape, start, size }: PatchPlace,
  flips: Vec3,
  to: Data,
  toOffset: number,
): void {
  const [sizeX, sizeY, sizeZ] = size;
  const zFrom = Math.max(0, -start[2]);
  const zTo = Math.min(sizeZ, volumeShape[2] - start[2]);
  for (let x = 0; x < sizeX; x++) {
    const sourceX = start[0] + x;
    if (sourceX < 0 || sourceX >= volumeShape[0]) continue;
    const targetX = flips[0] < 0 ? sizeX - 1 - x : x;
    for (let y = 0; y < sizeY; y++) {
      const sourceY = start[1] + y;
      if (sourceY < 0 || sourceY >= volumeShape[1]) continue;
      const targetY = flips[1] < 0 ? sizeY - 1 - y : y;
      const source = fromOffset + (sourceX * volumeShape[1] + sourceY) * volumeShape[2] + start[2];
      const target = toOffset + (targetX * sizeY + targetY) * sizeZ;
      if (flips[2] < 0) {
        for (let z = zFrom; z < zTo; z++) to[target + sizeZ - 1 - z] = from[source + z] as number;
      } else {
        for (let z = zFrom; z < zTo; z++) to[target + z] = from[source + z] as number;
      }
    }
  }
}

/**
 * First and last position that can be sampled: the volume, or the patch's padding around it. With zeros beyond, one voxel
 * more on each side, which weighs nothing.
 */
function frameOf({ volumeShape, start, size }: PatchPlace, padding: Padding | null): { low: number[]; high: number[] } {
  const more = padding === 'zeros' ? 1 : 0;
  return {
    low: start.map((first) => Math.min(0, first) - more),
    high: start.map((first, axis) => Math.max(volumeShape[axis] as number, first + (size[axis] as number)) - 1 + more),
  };
}

/** A position mirrored into low..high about the outer edges of the first and last voxel. */
function reflected(at: number, low: number, high: number): number {
  const edge = low - 0.5;
  const length = high - low + 1;
  const along = Math.abs(at - edge) % (2 * length);
  return edge + (along < length ? along : 2 * length - along);
}

function samplePatch<Classes extends LabelData>(
  volume: ImageAndClasses<Classes>,
  place: PatchPlace,
  { linear, shiftVoxels, field, padding }: SpatialTransform,
  image: Float32Array,
  classes: Classes,
): void {
  const { volumeShape, start, size } = place;
  const [volumeX, volumeY, volumeZ] = volumeShape;
  const volumeVoxels = voxelCount(volumeShape);
  const patchVoxels = voxelCount(size);
  const { low, high } = frameOf(place, padding);
  const reflects = padding === 'reflection';
  const [lowX, lowY, lowZ] = low as [number, number, number];
  const [highX, highY, highZ] = high as [number, number, number];
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = linear;
  const centreX = (size[0] - 1) / 2;
  const centreY = (size[1] - 1) / 2;
  const centreZ = (size[2] - 1) / 2;
  const source = volume.image;
  let to = 0;
  for (let x = 0; x < size[0]; x++) {
    const dx = x - centreX;
    for (let y = 0; y < size[1]; y++) {
      const dy = y - centreY;
      const rowX = start[0] + centreX + shiftVoxels[0] + xx * dx + xy * dy;
      const rowY = start[1] + centreY + shiftVoxels[1] + yx * dx + yy * dy;
      const rowZ = start[2] + centreZ + shiftVoxels[2] + zx * dx + zy * dy;
      for (let z = 0; z < size[2]; z++, to++) {
        const dz = z - centreZ;
        let atX = rowX + xz * dz;
        let atY = rowY + yz * dz;
        let atZ = rowZ + zz * dz;
        if (field !== null) {
          atX += field[to] as number;
          atY += field[patchVoxels + to] as number;
          atZ += field[2 * patchVoxels + to] as number;
        }
        if (reflects) {
          atX = reflected(atX, lowX, highX);
          atY = reflected(atY, lowY, highY);
          atZ = reflected(atZ, lowZ, highZ);
        }
        atX = atX < lowX ? lowX : atX > highX ? highX : atX;
        atY = atY < lowY ? lowY : atY > highY ? highY : atY;
        atZ = atZ < lowZ ? lowZ : atZ > highZ ? highZ : atZ;
        let x0 = Math.floor(atX);
        let y0 = Math.floor(atY);
        let z0 = Math.floor(atZ);
        let highWeightX = atX - x0;
        let highWeightY = atY - y0;
        let highWeightZ = atZ - z0;
        const nearX = highWeightX < 0.5 ? x0 : x0 + 1;
        const nearY = highWeightY < 0.5 ? y0 : y0 + 1;
        const nearZ = highWeightZ < 0.5 ? z0 : z0 + 1;
        const inside = nearX >= 0 && nearX < volumeX && nearY >= 0 && nearY < volumeY && nearZ >= 0 && nearZ < volumeZ;
        classes[to] = inside ? (volume.classes[(nearX * volumeY + nearY) * volumeZ + nearZ] as number) : 0;
        // A neighbour outside the volume weighs nothing: that is the zero of the padding.
        let lowWeightX = 1 - highWeightX;
        let lowWeightY = 1 - highWeightY;
        let lowWeightZ = 1 - highWeightZ;
        if (x0 < 0 || x0 >= volumeX) lowWeightX = 0;
        if (y0 < 0 || y0 >= volumeY) lowWeightY = 0;
        if (z0 < 0 || z0 >= volumeZ) lowWeightZ = 0;
        let x1 = x0 + 1;
        let y1 = y0 + 1;
        let z1 = z0 + 1;
        if (x1 < 0 || x1 >= volumeX) highWeightX = 0;
        if (y1 < 0 || y1 >= volumeY) highWeightY = 0;
        if (z1 < 0 || z1 >= volumeZ) highWeightZ = 0;
        if (lowWeightX === 0) x0 = 0;
        if (lowWeightY === 0) y0 = 0;
        if (lowWeightZ === 0) z0 = 0;
        if (highWeightX === 0) x1 = x0;
        if (highWeightY === 0) y1 = y0;
        if (highWeightZ === 0) z1 = z0;
        const line00 = (x0 * volumeY + y0) * volumeZ;
        const line01 = (x0 * volumeY + y1) * volumeZ;
        const line10 = (x1 * volumeY + y0) * volumeZ;
        const line11 = (x1 * volumeY + y1) * volumeZ;
        for (let channel = 0; channel < volume.channels; channel++) {
          const base = channel * volumeVoxels;
          const low0 = base + z0;
          const high0 = base + z1;
          const value00 =
            lowWeightZ * (source[line00 + low0] as number) + highWeightZ * (source[line00 + high0] as number);
          const value01 =
            lowWeightZ * (source[line01 + low0] as number) + highWeightZ * (source[line01 + high0] as number);
          const value10 =
            lowWeightZ * (source[line10 + low0] as number) + highWeightZ * (source[line10 + high0] as number);
          const value11 =
            lowWeightZ * (source[line11 + low0] as number) + highWeightZ * (source[line11 + high0] as number);
          image[channel * patchVoxels + to] =
            lowWeightX * (lowWeightY * value00 + highWeightY * value01) +
            highWeightX * (lowWeightY * value10 + highWeightY * value11);
        }
      }
    }
  }
}
