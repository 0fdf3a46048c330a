import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Transform } from '@voxhelm/contracts/transforms';
import { AFFINE_TOLERANCE, affineDifference, readImage, readLabel } from '../nifti.ts';
import { badImage } from '../nifti-header.ts';
import type { LabelMap } from '../volume.ts';
import { type AppliedOperation, gridAfter, runTransforms, type TransformedSample, undoTransforms } from './compose.ts';
import type { Sample } from './sample.ts';

/** Files of one sample: an image (or one file for each channel), and its label map where there is one. */
export interface SampleFiles {
  readonly images: readonly string[];
  readonly label: string | null;
}

/**
 * Reads a sample (MONAI's LoadImaged and EnsureChannelFirstd). Throws `bad-image` where a file cannot be read, or where the label
 * does not lie on the image's grid: each transform moves both by the same map.
 */
export async function loadSample({ images, label }: SampleFiles): Promise<Sample> {
  const [image, map] = await Promise.all([readImage(images), label === null ? null : readLabel(label)]);
  if (label === null || map === null) return { image, label: null };
  const fix = "Resample the label onto the image with nearest neighbour, or give it the image's affine.";
  if (map.shape.some((size, axis) => size !== image.shape[axis])) {
    throw badImage(label, `has ${map.shape.join(' x ')} voxels, the image ${image.shape.join(' x ')}`, fix);
  }
  if (affineDifference(map.affine, image.affine) > AFFINE_TOLERANCE) {
    throw badImage(label, 'lies elsewhere than the image', fix);
  }
  return { image, label: { ...map, affine: image.affine } };
}

/** Reads a sample and runs transforms on it; see {@link runTransforms}. */
export async function transformFiles(
  transforms: readonly Transform[],
  files: SampleFiles,
  seed: number,
): Promise<TransformedSample> {
  return runTransforms(transforms, await loadSample(files), seed);
}

/**
 * A label map that lies on a transformed sample's grid, such as a prediction, brought back to the grid of the sample that
 * it was made from, by what was applied to that. Throws `invalid-request` where it lies on another grid or a transform has no
 * inverse.
 */
export async function restoreLabel(applied: readonly AppliedOperation[], path: string): Promise<LabelMap> {
  const label = await readLabel(path);
  const grid = gridAfter(applied);
  if (grid === null) return label;
  if (label.shape.some((size, axis) => size !== grid.shape[axis])) {
    throw new VoxhelmError(
      'invalid-request',
      `${path} has ${label.shape.join(' x ')} voxels, the transformed image ${grid.shape.join(' x ')}`,
      { fix: 'Give the prediction of the transformed image, made with the same transforms and seed.' },
    );
  }
  const image = { ...grid, channels: 0, data: new Float32Array(0) };
  return undoTransforms(applied, { image, label }, { gridOnly: true }).label as LabelMap;
}
