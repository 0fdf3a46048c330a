import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Affine, affineAt, type Vec3 } from './volume.ts';

/** For each axis of an array: the world axis that it runs along (0 left-right, 1 back-front, 2 down-up), and whether upwards. */
export interface Orientation {
  readonly axes: Vec3;
  readonly signs: Vec3;
}

/** Right, anterior, superior: the orientation in which all statistics and networks see an image. */
export const RAS: Orientation = { axes: [0, 1, 2], signs: [1, 1, 1] };

/** Below this, an entry of the rotation counts as zero (numpy's allclose, which nibabel uses). */
const ZERO = 1e-8;

/**
 * The orientation that is closest to an affine (the rule of nibabel's io_orientation: the rotation nearest to the
 * affine's columns, then each axis in turn takes the free world axis that it points along most).
 * Throws `bad-image` for a singular affine, which has none.
 */
export function orientationOf(affine: Affine): Orientation {
  const rotation = nearestRotation(affine);
  const axes = [0, 0, 0];
  const signs = [1, 1, 1];
  const taken = [false, false, false];
  for (let column = 0; column < 3; column += 1) {
    let best = -1;
    for (let row = 0; row < 3; row += 1) {
      if (taken[row] === true) continue;
      if (best < 0 || Math.abs(rotation[row * 3 + column] ?? 0) > Math.abs(rotation[best * 3 + column] ?? 0))
        best = row;
    }
    if (Math.abs(rotation[best * 3 + column] ?? 0) < ZERO) throw singular(affine);
    axes[column] = best;
    signs[column] = (rotation[best * 3 + column] ?? 0) < 0 ? -1 : 1;
    taken[best] = true;
  }
  return { axes: vec3(axes), signs: vec3(signs) };
}

/** Orientation of three letters, such as RAS or LPS; throws `invalid-request` for anything else. */
export function orientationFromCode(code: string): Orientation {
  const letters = [...code.toUpperCase()];
  const axes = letters.map((letter) => ['LR', 'PA', 'IS'].findIndex((pair) => pair.includes(letter)));
  if (letters.length !== 3 || axes.includes(-1) || new Set(axes).size !== 3) {
    throw new VoxhelmError('invalid-request', `${code} is no orientation`, {
      fix: 'Give three letters such as RAS or LPS.',
    });
  }
  return { axes: vec3(axes), signs: vec3(letters.map((letter) => ('RAS'.includes(letter) ? 1 : -1))) };
}

/** True where voxel indices do not map to distinct points in the world. */
export function isSingular(affine: Affine): boolean {
  const scale = [0, 1, 2].reduce(
    (product, column) =>
      product * Math.hypot(affineAt(affine, 0, column), affineAt(affine, 1, column), affineAt(affine, 2, column)),
    1,
  );
  return !(scale > 0) || Math.abs(determinant(linear(affine))) < 1e-6 * scale;
}

/** Columns of unit length, then Newton's iteration R <- (R + R^-T) / 2 for the polar decomposition's rotation. */
function nearestRotation(affine: Affine): number[] {
  if (isSingular(affine)) throw singular(affine);
  let matrix = linear(affine);
  const norms = [0, 1, 2].map((column) =>
    Math.hypot(matrix[column] ?? 0, matrix[3 + column] ?? 0, matrix[6 + column] ?? 0),
  );
  matrix = matrix.map((value, index) => value / (norms[index % 3] ?? 1));
  for (let iteration = 0; iteration < 50; iteration += 1) {
    const inverse = inverseTransposed(matrix);
    const next = matrix.map((value, index) => (value + (inverse[index] ?? 0)) / 2);
    const change = next.reduce((sum, value, index) => sum + Math.abs(value - (matrix[index] ?? 0)), 0);
    matrix = next;
    if (change < 1e-14) break;
  }
  return matrix;
}

function linear(affine: Affine): number[] {
  return [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => affineAt(affine, row, column)));
}

function determinant(m: readonly number[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0] = m;
  return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
}

function inverseTransposed(m: readonly number[]): number[] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0] = m;
  const scale = 1 / determinant(m);
  const cofactors = [
    e * i - f * h,
    f * g - d * i,
    d * h - e * g,
    c * h - b * i,
    a * i - c * g,
    b * g - a * h,
    b * f - c * e,
    c * d - a * f,
    a * e - b * d,
  ];
  return cofactors.map((value) => value * scale);
}

function singular(affine: Affine): VoxhelmError {
  return new VoxhelmError('bad-image', `the affine [${affine.join(', ')}] is singular`, {
    fix: 'Export the image again with a valid affine.',
  });
}

function vec3(values: readonly number[]): Vec3 {
  return [values[0] ?? 0, values[1] ?? 0, values[2] ?? 0];
}
