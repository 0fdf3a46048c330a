import type { Augmentation } from '@voxhelm/contracts/plan';
import type { Random } from '../random.ts';
import { uniformBetween } from '../random.ts';
import type { Vec3 } from '../volume.ts';

type Flip = Extract<Augmentation, { name: 'flip' }>;
type Affine = Extract<Augmentation, { name: 'affine' }>;

/**
 * The one spatial transform of a patch: from an offset to the patch's centre (voxels of the patch) to the offset in the
 * volume at which it is sampled. `flips` holds -1 for a mirrored axis; `linear` (row-major 3x3) is null where the patch
 * is only mirrored, which needs no interpolation.
 */
export interface SpatialTransform {
  readonly flips: Vec3;
  readonly linear: readonly number[] | null;
}

/** A patch as it lies in its volume. */
export const NO_TRANSFORM: SpatialTransform = { flips: [1, 1, 1], linear: null };

/** Mirrors each of the axes with the probability, one after the other. */
export function drawFlip(random: Random, flip: Flip, before: SpatialTransform): SpatialTransform {
  const signs: [number, number, number] = [...before.flips];
  for (const axis of flip.axes) {
    if (random() < flip.probability) signs[axis as 0 | 1 | 2] *= -1;
  }
  return { flips: signs, linear: before.linear };
}

/**
 * Rotates by up to ±`rotationRadians` about each axis and scales each axis by 1 ± `scale`, drawn anew with the
 * probability (the ranges are Auto3DSeg's form, ../shared/reference/automl.md 1.6).
 */
export function drawAffine(random: Random, affine: Affine, before: SpatialTransform): SpatialTransform {
  if (random() >= affine.probability) return before;
  const [aboutX, aboutY, aboutZ] = affine.rotationRadians.map((range) => uniformBetween(random, -range, range)) as [
    number,
    number,
    number,
  ];
  const scales = affine.scale.map((range) => 1 + uniformBetween(random, -range, range)) as [number, number, number];
  const rotation = product(product(rotationAbout(0, aboutX), rotationAbout(1, aboutY)), rotationAbout(2, aboutZ));
  const linear = product(rotation, [scales[0], 0, 0, 0, scales[1], 0, 0, 0, scales[2]]);
  return { flips: before.flips, linear: before.linear === null ? linear : product(before.linear, linear) };
}

function rotationAbout(axis: 0 | 1 | 2, angle: number): number[] {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  if (axis === 0) return [1, 0, 0, 0, cos, -sin, 0, sin, cos];
  if (axis === 1) return [cos, 0, sin, 0, 1, 0, -sin, 0, cos];
  return [cos, -sin, 0, sin, cos, 0, 0, 0, 1];
}

function product(a: readonly number[], b: readonly number[]): number[] {
  const at = (matrix: readonly number[], row: number, column: number): number => matrix[row * 3 + column] as number;
  return Array.from({ length: 9 }, (_, i) => {
    const row = Math.floor(i / 3);
    const column = i % 3;
    return at(a, row, 0) * at(b, 0, column) + at(a, row, 1) * at(b, 1, column) + at(a, row, 2) * at(b, 2, column);
  });
}
