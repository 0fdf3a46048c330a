import { VoxhelmError } from '@voxhelm/contracts/errors';
import { IGNORED_CLASS } from '../ignored.ts';
import { type Random, randomIndex } from '../random.ts';
import type { Vec3 } from '../volume.ts';

/*
 * Where a patch is cut out: around a voxel of a class drawn by its ratio.
 */

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
  // Where nobody labelled no patch is centred.
  if (counts.subarray(numClasses, IGNORED_CLASS).some((count) => count > 0)) {
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
    if (value === IGNORED_CLASS) continue;
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
 * Where a patch begins whose centre is a voxel, moved to keep it inside; negative where the volume is smaller and the patch
 * is padded on both sides.
 */
export function startAround(voxel: number, shape: Vec3, size: Vec3): Vec3 {
  const row = Math.floor(voxel / shape[2]);
  const centre: Vec3 = [Math.floor(row / shape[1]), row % shape[1], voxel % shape[2]];
  const startOf = (axis: 0 | 1 | 2): number => {
    const spare = shape[axis] - size[axis];
    if (spare < 0) return -Math.floor(-spare / 2);
    return Math.min(Math.max(centre[axis] - Math.floor(size[axis] / 2), 0), spare);
  };
  return [startOf(0), startOf(1), startOf(2)];
}

/** Where a patch begins that may lie anywhere inside; where the volume is smaller, as {@link startAround}. */
export function startAnywhere(shape: Vec3, size: Vec3, random: Random): Vec3 {
  const startOf = (axis: 0 | 1 | 2): number => {
    const spare = shape[axis] - size[axis];
    return spare < 0 ? -Math.floor(-spare / 2) : randomIndex(random, spare + 1);
  };
  return [startOf(0), startOf(1), startOf(2)];
}

/** A voxel of a class drawn by its ratio; any voxel where the case has none of the classes with a ratio. */
export function drawCentre(
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
