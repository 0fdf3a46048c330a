import type { FusionMode } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * Several members' class probabilities become one label map. Members are added one after the other, so that the memory
 * is one running sum and one prediction, whatever the number of members.
 */

/** A running fusion; `totals` is [class][voxel]: sums of probabilities (mean) or numbers of votes (vote). */
export interface Fusion {
  readonly mode: FusionMode;
  readonly classes: number;
  readonly voxels: number;
  readonly totals: Float32Array;
}

/** An empty fusion of `classes` x `voxels`. */
export function startFusion(mode: FusionMode, classes: number, voxels: number): Fusion {
  return { mode, classes, voxels, totals: new Float32Array(classes * voxels) };
}

/**
 * Adds one member's probabilities, [class][voxel], on any scale that all members share (0..1 or 0..255). Throws
 * `invalid-request` where the size differs.
 */
export function addToFusion(fusion: Fusion, probabilities: Float32Array | Uint8Array): void {
  const { totals, classes, voxels } = fusion;
  if (probabilities.length !== totals.length) {
    throw new VoxhelmError(
      'invalid-request',
      `a member predicted ${probabilities.length} values where ${classes} classes x ${voxels} voxels are expected`,
      { fix: 'All members of an ensemble must predict the same classes on the same image grid.' },
    );
  }
  if (fusion.mode === 'mean') {
    for (let index = 0; index < totals.length; index++) totals[index]! += probabilities[index]!;
  } else {
    const chosen = largestClasses(probabilities, classes, voxels);
    for (let voxel = 0; voxel < voxels; voxel++) totals[chosen[voxel]! * voxels + voxel]! += 1;
  }
}

/**
 * The fused label map: for every voxel the label value with the largest total; ties go to the lower class index, which
 * is the lower label value, for plans list labels in ascending order. `labelValues[class]` is the class's voxel value.
 */
export function fusedLabels(fusion: Fusion, labelValues: readonly number[]): Uint8Array | Uint16Array {
  const { totals, classes, voxels } = fusion;
  const chosen = largestClasses(totals, classes, voxels);
  const labels = Math.max(...labelValues) > 255 ? new Uint16Array(voxels) : new Uint8Array(voxels);
  for (let voxel = 0; voxel < voxels; voxel++) labels[voxel] = labelValues[chosen[voxel]!]!;
  return labels;
}

/**
 * How unsure the members are at each voxel: the entropy of the classes' shares over log(classes), 0 where all agree, 1 where
 * every class is as probable.
 */
export function fusionEntropy({ totals, classes, voxels }: Fusion): Float32Array {
  const sums = new Float64Array(voxels);
  for (let index = 0; index < totals.length; index += voxels) {
    for (let voxel = 0; voxel < voxels; voxel++) sums[voxel]! += totals[index + voxel]!;
  }
  const entropy = new Float32Array(voxels);
  for (let index = 0; index < totals.length; index += voxels) {
    for (let voxel = 0; voxel < voxels; voxel++) {
      const share = totals[index + voxel]! / sums[voxel]!;
      if (share > 0) entropy[voxel]! -= share * Math.log(share);
    }
  }
  const scale = 1 / Math.log(classes);
  return entropy.map((value) => Math.min(1, value * scale));
}

/** The class with the largest value of each voxel, the lowest of equals. Class by class: every pass runs over contiguous numbers. */
function largestClasses(values: Float32Array | Uint8Array, classes: number, voxels: number): Uint16Array {
  const chosen = new Uint16Array(voxels);
  const largest = values.slice(0, voxels);
  for (let index = 1; index < classes; index++) {
    const offset = index * voxels;
    for (let voxel = 0; voxel < voxels; voxel++) {
      const value = values[offset + voxel]!;
      if (value > largest[voxel]!) {
        largest[voxel] = value;
        chosen[voxel] = index;
      }
    }
  }
  return chosen;
}
