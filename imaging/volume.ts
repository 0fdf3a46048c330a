/** Three numbers, one per axis [x, y, z]. */
export type Vec3 = readonly [number, number, number];

/** 16 numbers, a row-major 4x4 matrix: voxel index [i, j, k, 1] -> world millimetres (RAS+). */
export type Affine = readonly number[];

/**
 * An image in memory. `data` is [channel][x][y][z], C-order within a channel (z fastest), whatever the file's order was.
 * Intensities are real ones: the file's scl_slope and scl_inter are applied.
 */
export interface Volume {
  readonly shape: Vec3;
  readonly channels: number;
  readonly data: Float32Array;
  readonly affine: Affine;
}

/** Arrays that label values may lie in. */
export type LabelData = Uint8Array | Uint16Array | Int32Array;

/** A map of label values (not class indices), [x][y][z] in C-order (z fastest). */
export interface LabelMap {
  readonly shape: Vec3;
  readonly data: LabelData;
  readonly affine: Affine;
}

/** The identity: one millimetre voxels, axes along RAS+. */
export const IDENTITY_AFFINE: Affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

/** Voxels of one channel. */
export function voxelCount(shape: Vec3): number {
  return shape[0] * shape[1] * shape[2];
}

/** An element of the affine. */
export function affineAt(affine: Affine, row: number, column: number): number {
  return affine[row * 4 + column] ?? 0;
}

/** Voxel sizes in millimetres along the array's axes: the norms of the affine's first three columns. */
export function spacingOf(affine: Affine): Vec3 {
  const norm = (column: number): number =>
    Math.hypot(affineAt(affine, 0, column), affineAt(affine, 1, column), affineAt(affine, 2, column));
  return [norm(0), norm(1), norm(2)];
}

/** True for a {@link Volume} (intensities), false for a {@link LabelMap}. */
export function isVolume(volume: Volume | LabelMap): volume is Volume {
  return 'channels' in volume;
}
