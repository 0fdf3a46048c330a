import type { Augmentation } from '@voxhelm/contracts/plan';
import { seededRandom } from '../random.ts';
import type { Vec3 } from '../volume.ts';
import { gamma, scaleIntensity, shiftIntensity } from './intensity.ts';
import { gaussianNoise } from './noise.ts';
import { gaussianSmooth } from './smooth.ts';
import { drawAffine, drawFlip, NO_TRANSFORM, type SpatialTransform } from './spatial.ts';

/** What makes one patch's draws its own: the run's seed, the step, the place in the batch. */
export interface PatchKey {
  readonly seed: number;
  readonly step: number;
  readonly item: number;
}

/**
 * The patch's one spatial transform: all flips and affines of the list together. Each entry of the list draws from a
 * stream of its own, so that editing one leaves the others' draws as they were.
 */
export function drawSpatialTransform(augmentations: readonly Augmentation[], key: PatchKey): SpatialTransform {
  let transform = NO_TRANSFORM;
  for (const [index, augmentation] of augmentations.entries()) {
    if (augmentation.name === 'flip') transform = drawFlip(streamOf(key, index), augmentation, transform);
    if (augmentation.name === 'affine') transform = drawAffine(streamOf(key, index), augmentation, transform);
  }
  return transform;
}

/** Applies the list's intensity transforms in their order to a patch [channel][x][y][z], in place. */
export function applyIntensityTransforms(
  augmentations: readonly Augmentation[],
  key: PatchKey,
  image: Float32Array,
  channels: number,
  size: Vec3,
): void {
  for (const [index, augmentation] of augmentations.entries()) {
    switch (augmentation.name) {
      case 'flip':
      case 'affine':
        break; // Done while cutting the patch out.
      case 'gaussian-smooth':
        gaussianSmooth(streamOf(key, index), augmentation, image, channels, size);
        break;
      case 'gaussian-noise':
        gaussianNoise(streamOf(key, index), augmentation, image);
        break;
      case 'scale-intensity':
        scaleIntensity(streamOf(key, index), augmentation, image);
        break;
      case 'shift-intensity':
        shiftIntensity(streamOf(key, index), augmentation, image);
        break;
      case 'gamma':
        gamma(streamOf(key, index), augmentation, image, channels);
        break;
    }
  }
}

function streamOf({ seed, step, item }: PatchKey, index: number): () => number {
  return seededRandom(seed, 'augmentation', step, item, index);
}
