import { readFile } from 'node:fs/promises';
import { decodeLabel, decodeVolume, openNifti } from './nifti-decode.ts';
import { badImage } from './nifti-header.ts';
import { type Affine, type LabelMap, type Volume, voxelCount } from './volume.ts';

export { encodeNifti, writeNifti } from './nifti-write.ts';

/** Largest difference of two affines' elements (mm, or mm per voxel) at which two files lie on one grid. */
export const AFFINE_TOLERANCE = 1e-3;

/**
 * Reads an image: one NIfTI file (3-D, or 4-D or 5-D with channels), or one file per channel, all on one grid.
 * scl_slope and scl_inter are applied. Throws `bad-image` where a file is unreadable or the files do not fit together.
 */
export async function readImage(paths: readonly string[]): Promise<Volume> {
  const volumes: Volume[] = [];
  for (const path of paths) volumes.push(decodeVolume(openNifti(await readBytes(path), path)));
  return joinChannels(volumes, paths);
}

/** As {@link readImage}, of files that were read already; `paths` are for messages. */
export function decodeImage(files: readonly Uint8Array[], paths: readonly string[]): Volume {
  const nameOf = (index: number): string => paths[index] ?? `channel ${index}`;
  return joinChannels(
    files.map((bytes, index) => decodeVolume(openNifti(bytes, nameOf(index)))),
    paths,
  );
}

/** As {@link readLabel}, of a file that was read already; `path` is for messages. */
export function decodeLabelFile(bytes: Uint8Array, path: string): LabelMap {
  return decodeLabel(openNifti(bytes, path));
}

/** Reads a label map of label values; throws `bad-image` where it is unreadable or its values are not whole. */
export async function readLabel(path: string): Promise<LabelMap> {
  return decodeLabel(openNifti(await readBytes(path), path));
}

/** Puts files of one image behind each other, channel by channel; `names` are for messages. */
export function joinChannels(volumes: readonly Volume[], names: readonly string[]): Volume {
  const [first] = volumes;
  if (first === undefined) throw badImage('an image without files', 'nothing to read', 'Name at least one file.');
  if (volumes.length === 1) return first;
  volumes.forEach((volume, index) => {
    const name = names[index] ?? `channel ${index}`;
    if (volume.shape.some((size, axis) => size !== first.shape[axis])) {
      throw badImage(
        name,
        `has ${volume.shape.join(' x ')} voxels, the image's first channel ${first.shape.join(' x ')}`,
        'Resample all channels onto one grid.',
        { reason: 'shape' },
      );
    }
    if (affineDifference(volume.affine, first.affine) > AFFINE_TOLERANCE) {
      throw badImage(name, "lies elsewhere than the image's first channel", 'Resample all channels onto one grid.', {
        reason: 'affine',
      });
    }
  });
  const channels = volumes.reduce((sum, volume) => sum + volume.channels, 0);
  const data = new Float32Array(channels * voxelCount(first.shape));
  let offset = 0;
  for (const volume of volumes) {
    data.set(volume.data, offset);
    offset += volume.data.length;
  }
  return { shape: first.shape, channels, data, affine: first.affine };
}

/** Largest absolute difference between the elements of two affines. */
export function affineDifference(a: Affine, b: Affine): number {
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - (b[index] ?? 0))), 0);
}

/** A file's bytes; throws `bad-image` where it cannot be read. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw badImage(path, `cannot be read (${reason})`, 'Check the path and the permissions.');
  }
}
