import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { applyIntensityTransforms, drawSpatialTransform, type PatchKey } from './augmentation/apply.ts';
import { cropPatch, type PatchPlace } from './augmentation/crop.ts';
import { loaderAugmentation } from './augmentation/placement.ts';
import { type Random, randomIndex, seededPermutation, seededRandom } from './random.ts';
import type { Vec3 } from './volume.ts';
import { voxelCount } from './volume.ts';

/** A preprocessed training case. Its arrays may lie in shared memory: they are only read. */
export interface TrainingVolume {
  /** [channel][x][y][z] */
  readonly image: Float32Array;
  readonly channels: number;
  readonly shape: Vec3;
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

// Enough that no two patches of a usual training share a centre, and 80 kB a class at most.
const VOXELS_PER_CLASS = 20_000;

/**
 * Lists the voxels of each class 0..numClasses-1, thinned out evenly to at most `maxPerClass` (the thinning is
 * Auto3DSeg's, ../shared/reference/automl.md 1.6). Throws `invalid-request` on a class index beyond `numClasses`.
 */
export function indexClasses(
  classes: Uint8Array,
  numClasses: number,
  maxPerClass: number = VOXELS_PER_CLASS,
): Uint32Array[] {
  const counts = new Float64Array(256);
  for (let i = 0; i < classes.length; i++) {
    const value = classes[i] as number;
    counts[value] = (counts[value] as number) + 1;
  }
  if (counts.subarray(numClasses).some((count) => count > 0)) {
    throw new VoxhelmError('invalid-request', `a volume holds class indices beyond its ${numClasses} classes`, {
      fix: 'Build the class map with preprocessLabel and the labels of the same plan.',
    });
  }
  const voxels = Array.from(
    { length: numClasses },
    (_, value) => new Uint32Array(Math.min(counts[value] as number, maxPerClass)),
  );
  const seen = new Float64Array(numClasses);
  const taken = new Int32Array(numClasses);
  for (let i = 0; i < classes.length; i++) {
    const value = classes[i] as number;
    const list = voxels[value] as Uint32Array;
    const rank = seen[value] as number;
    const next = taken[value] as number;
    seen[value] = rank + 1;
    // The k-th of n kept voxels is the one at rank floor(k * count / n).
    if (next >= list.length || rank < Math.floor((next * (counts[value] as number)) / list.length)) continue;
    list[next] = i;
    taken[value] = next + 1;
  }
  return voxels;
}

/**
 * The batch of one step: a pure function of (volumes, plan, seed, step). Every case comes once before any comes again;
 * a patch's centre is a voxel of a class drawn by `plan.sampling.classRatios` (a class that the case lacks weighs 0),
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
  cropPatch(volume, place, drawSpatialTransform(augmentation, key), image, classes);
  applyIntensityTransforms(augmentation, key, image, volume.channels, plan.patchSize);
}

function placePatch({ shape, classVoxels }: TrainingVolume, plan: Plan, random: Random): PatchPlace {
  const voxel = drawCentre(classVoxels, plan.sampling.classRatios, voxelCount(shape), random);
  const row = Math.floor(voxel / shape[2]);
  const centre: Vec3 = [Math.floor(row / shape[1]), row % shape[1], voxel % shape[2]];
  const startOf = (axis: 0 | 1 | 2): number => {
    const spare = shape[axis] - plan.patchSize[axis];
    if (spare < 0) return -Math.floor(-spare / 2);
    return Math.min(Math.max(centre[axis] - Math.floor(plan.patchSize[axis] / 2), 0), spare);
  };
  return { volumeShape: shape, start: [startOf(0), startOf(1), startOf(2)], size: plan.patchSize };
}

/** A voxel of a class drawn by its ratio; any voxel where the case has none of the classes with a ratio. */
function drawCentre(
  classVoxels: readonly Uint32Array[],
  ratios: readonly number[],
  voxels: number,
  random: Random,
): number {
  const weights = ratios.map((ratio, value) => ((classVoxels[value]?.length ?? 0) > 0 ? ratio : 0));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (!(total > 0)) return randomIndex(random, voxels);
  let left = random() * total;
  let chosen = weights.length - 1;
  for (let value = 0; value < weights.length; value++) {
    const weight = weights[value] as number;
    if (weight === 0) continue;
    chosen = value;
    left -= weight;
    if (left < 0) break;
  }
  const list = classVoxels[chosen] as Uint32Array;
  return list[randomIndex(random, list.length)] as number;
}

/** [channel][voxel] to [voxel][channel]. */
function interleave(patch: Float32Array, channels: number, target: Float32Array): void {
  const voxels = patch.length / channels;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < voxels; i++) target[i * channels + channel] = patch[channel * voxels + i] as number;
  }
}
