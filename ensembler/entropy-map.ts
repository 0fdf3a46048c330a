import { encodeNifti } from '@voxhelm/imaging/nifti-write';
import type { LabelMap } from '@voxhelm/imaging/volume';

/** Entropy (0..1, [x][y][z]) on a label map's grid as NIfTI for viewers: one byte a voxel, 255 where no class is likelier than another. */
export function entropyMap({ shape, affine }: Pick<LabelMap, 'shape' | 'affine'>, entropy: Float32Array): Uint8Array {
  return encodeNifti({ shape, affine, data: Uint8Array.from(entropy, (value) => Math.round(value * 255)) }, true);
}
