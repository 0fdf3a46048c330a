import type { Augmentation } from '@voxhelm/contracts/plan';
import { type Random, seededRandom } from '../random.ts';
import { decideIntensity } from './decide-intensity.ts';
import { gamma, gaussianNoise, scaleIntensity, shiftIntensity } from './intensity.ts';
import { applyIntensity, type IntensityPatch } from './intensity-operation.ts';
import { decideMove, isMove, transformOf } from './move-operation.ts';
import { gaussianSmooth } from './smooth.ts';
import { drawAffine, drawFlip, followedBy, NO_TRANSFORM, type SpatialTransform } from './spatial.ts';

/*
 * A plan's augmentation on one training patch.
 */

/** What makes one patch's draws its own: the run's seed, the step, the place in the batch. */
export interface PatchKey {
  readonly seed: number;
  readonly step: number;
  readonly item: number;
}

/**
 * The patch's one spatial transform: all that move voxels in the list, one after the other. Each entry of the list draws
 * from a stream of its own, so that editing one leaves the others' draws as they were.
 */
export function drawSpatialTransform(
  augmentations: readonly Augmentation[],
  key: PatchKey,
  patch: Pick<IntensityPatch, 'shape' | 'spacingMm'>,
): SpatialTransform {
  let transform = NO_TRANSFORM;
  for (const [index, augmentation] of augmentations.entries()) {
    const next = drawMove(streamOf(key, index), augmentation, patch);
    if (next !== null) transform = transform === NO_TRANSFORM ? next : followedBy(transform, next, patch.shape);
  }
  return transform;
}

function drawMove(
  random: Random,
  augmentation: Augmentation,
  patch: Pick<IntensityPatch, 'shape' | 'spacingMm'>,
): SpatialTransform | null {
  if (augmentation.name === 'flip') return drawFlip(random, augmentation);
  if (augmentation.name === 'affine') return drawAffine(random, augmentation, patch.spacingMm);
  if (!isMove(augmentation)) return null;
  const operation = decideMove(random, augmentation, patch);
  return operation === null ? null : transformOf(operation, patch.shape);
}

/** Applies the list's intensity transforms in their order to a patch, in place. */
export function applyIntensityTransforms(
  augmentations: readonly Augmentation[],
  key: PatchKey,
  patch: IntensityPatch,
): void {
  for (const [index, augmentation] of augmentations.entries()) {
    if (isMove(augmentation)) continue; // Done while cutting the patch out.
    const random = streamOf(key, index);
    switch (augmentation.name) {
      case 'flip':
      case 'affine':
        break;
      case 'gaussian-smooth':
        gaussianSmooth(random, augmentation, patch.data, patch.channels, patch.shape);
        break;
      case 'gaussian-noise':
        gaussianNoise(random, augmentation, patch.data);
        break;
      case 'scale-intensity':
        scaleIntensity(random, augmentation, patch.data);
        break;
      case 'shift-intensity':
        shiftIntensity(random, augmentation, patch.data);
        break;
      case 'gamma':
        gamma(random, augmentation, patch.data, patch.channels);
        break;
      default:
        for (const operation of decideIntensity(random, augmentation, patch)) applyIntensity(operation, patch);
    }
  }
}

function streamOf({ seed, step, item }: PatchKey, index: number): Random {
  return seededRandom(seed, 'augmentation', step, item, index);
}
