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
    for (let voxel = 0; voxel < voxels; voxel++)
      totals[largestClass(probabilities, classes, voxels, voxel) * voxels + voxel]! += 1;
  }
}

/**
 * The fused label map: for every voxel the label value with the largest total; ties go to the lower class index, which
 * is the lower label value, for plans list labels in ascending order. `labelValues[class]` is the class's voxel value.
 */
export function fusedLabels(fusion: Fusion, labelValues: readonly number[]): Uint8Array | Uint16Array {
  const { totals, classes, voxels } = fusion;
  const labels = Math.max(...labelValues) > 255 ? new Uint16Array(voxels) : new Uint8Array(voxels);
  for (let voxel = 0; voxel < voxels; voxel++)
    labels[voxel] = labelValues[largestClass(totals, classes, voxels, voxel)]!;
  return labels;
}

/**
 * How unsure the members are at each voxel: the entropy of the classes' shares over log(classes), 0 where all agree, 1 where
 * every class is as probable.
 */
export function fusionEntropy({ totals, classes, voxels }: Fusion): Float32Array {
  const entropy = new Float32Array(voxels);
  const scale = 1 / Math.log(classes);
  for (let voxel = 0; voxel < voxels; voxel++) {
    let sum = 0;
    for (let index = 0; index < classes; index++) sum += totals[index * voxels + voxel]!;
    let value = 0;
    for (let index = 0; index < classes; index++) {
      const share = totals[index * voxels + voxel]! / sum;
      if (share > 0) value -= share * Math.log(share);
    }
    entropy[voxel] = Math.min(1, value * scale);
  }
  return entropy;
}

/** The class with the largest value at a voxel, the lowest of equals. */
function largestClass(values: Float32Array | Uint8Array, classes: number, voxels: number, voxel: number): number {
  let best = 0;
  let bestValue = values[voxel]!;
  for (let index = 1; index < classes; index++) {
    const value = values[index * voxels + voxel]!;
    if (value > bestValue) {
      best = index;
      bestValue = value;
    }
  }
  return best;
}
