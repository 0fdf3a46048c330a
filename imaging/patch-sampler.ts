import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { type Random, seededPermutation, seededRandom } from './random.ts';
import { applyIntensityTransforms, drawSpatialTransform, type PatchKey } from './transforms/apply.ts';
import { cropPatch, type PatchPlace } from './transforms/crop.ts';
import { drawCentre, startAnywhere, startAround } from './transforms/crop-centres.ts';
import { IDENTITY_3 } from './transforms/matrix.ts';
import { loaderAugmentation } from './transforms/placement.ts';
import type { Vec3 } from './volume.ts';
import { voxelCount } from './volume.ts';

export { indexClasses } from './transforms/crop-centres.ts';

/** A preprocessed training case. Its arrays may lie in shared memory: they are only read. */
export interface TrainingVolume {
  /** [channel][x][y][z] */
  readonly image: Float32Array;
  readonly channels: number;
  readonly shape: Vec3;
  /** Voxel sizes: what transforms in millimetres go by. */
  readonly spacingMm: Vec3;
  /** Class index (position in `plan.labels`) of each voxel, [x][y][z]. */
  readonly classes: Uint8Array;
  /** Voxel indices of each class, from {@link indexClasses}. */
  readonly classVoxels: readonly Uint32Array[];
}

/** Patches of one training step: `image` [batch, x, y, z, channel], `classes` [batch, x, y, z]. */
export interface Batch {
  readonly image: Float32Array;
  readonly classes: Uint8Array;
}

/**
 * The batch of one step: a pure function of (volumes, plan, seed, step). Every case comes once before any comes again;
 * a patch lies anywhere, or its centre is a voxel of a class drawn by `plan.sampling.classRatios` (one that the case lacks weighs 0),
 * moved to keep the patch inside; a volume smaller than the patch is padded with zeros on both sides. Augmented by
 * `plan.augmentation`. Throws `invalid-request` where volumes and plan do not fit.
 */
export function sampleBatch(volumes: readonly TrainingVolume[], plan: Plan, seed: number, step: number): Batch {
  const channels = requireFit(volumes, plan);
  const items = plan.batchSize * plan.training.accumulate;
  const patchVoxels = voxelCount(plan.patchSize);
  const image = new Float32Array(items * patchVoxels * channels);
  const classes = new Uint8Array(items * patchVoxels);
  // One channel needs no interleaving: the patch is built where it stays.
  const scratch = channels === 1 ? null : new Float32Array(patchVoxels * channels);
  for (let item = 0; item < items; item++) {
    const volume = volumes[caseOf(volumes.length, seed, step * items + item)] as TrainingVolume;
    const target = image.subarray(item * patchVoxels * channels, (item + 1) * patchVoxels * channels);
    const patch = scratch ?? target;
    if (scratch !== null) scratch.fill(0);
    fillPatch(
      volume,
      plan,
      { seed, step, item },
      patch,
      classes.subarray(item * patchVoxels, (item + 1) * patchVoxels),
    );
    if (scratch !== null) interleave(scratch, channels, target);
  }
  return { image, classes };
}

function requireFit(volumes: readonly TrainingVolume[], plan: Plan): number {
  const first = volumes[0];
  if (first === undefined) {
    throw new VoxhelmError('invalid-request', 'there is no training case to sample patches from', {
      fix: 'Give at least one case outside the validation fold.',
    });
  }
  const classes = plan.sampling.classRatios.length;
  for (const volume of volumes) {
    if (volume.channels !== first.channels || volume.classVoxels.length !== classes) {
      throw new VoxhelmError(
        'invalid-request',
        `a training case has ${volume.channels} channels and ${volume.classVoxels.length} classes; expected ` +
          `${first.channels} channels (the first case) and ${classes} classes (sampling.classRatios)`,
        { fix: 'Give sampling.classRatios one number for each label of the plan.' },
      );
    }
  }
  return first.channels;
}

/** The case of the n-th patch of the training: each epoch goes through all cases in an order of its own. */
function caseOf(cases: number, seed: number, patchNumber: number): number {
  const epoch = Math.floor(patchNumber / cases);
  return seededPermutation(cases, seed, 'epoch', epoch)[patchNumber % cases] as number;
}

/** Draws, cuts out and augments one patch; `image` and `classes` hold zeros before. */
function fillPatch(volume: TrainingVolume, plan: Plan, key: PatchKey, image: Float32Array, classes: Uint8Array): void {
  const random = seededRandom(key.seed, 'patch', key.step, key.item);
  const place = placePatch(volume, plan, random);
  const augmentation = loaderAugmentation(plan);
  const { channels, spacingMm } = volume;
  // The plan's space is RAS+.
  const patch = { data: image, channels, shape: plan.patchSize, spacingMm, axes: IDENTITY_3, whole: false };
  cropPatch(volume, place, drawSpatialTransform(augmentation, key, patch), image, classes);
  applyIntensityTransforms(augmentation, key, patch);
}

function placePatch({ shape, classVoxels }: TrainingVolume, plan: Plan, random: Random): PatchPlace {
  if (plan.sampling.mode === 'uniform') {
    return { volumeShape: shape, start: startAnywhere(shape, plan.patchSize, random), size: plan.patchSize };
  }
  const voxel = drawCentre(classVoxels, plan.sampling.classRatios, voxelCount(shape), random);
  return { volumeShape: shape, start: startAround(voxel, shape, plan.patchSize), size: plan.patchSize };
}

/** [channel][voxel] to [voxel][channel]. */
function interleave(patch: Float32Array, channels: number, target: Float32Array): void {
  const voxels = patch.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < voxels; i++) target[i * channels + channel] = patch[channel * voxels + i] as number;
  }
}
