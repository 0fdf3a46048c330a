import type { Affine, Vec3 } from '../volume.ts';
import { affineAt } from '../volume.ts';

/*
 * 3x3 matrices (row-major) and 4x4 affines, as far as moving voxels needs them.
 */

/** Nine numbers, row-major. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];

export const IDENTITY_3: Matrix3 = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/** a b. */
export function product3(a: Matrix3, b: Matrix3): Matrix3 {
  return Array.from({ length: 9 }, (_, i) => {
    const row = 3 * Math.floor(i / 3);
    const column = i % 3;
    return (
      (a[row] as number) * (b[column] as number) +
      (a[row + 1] as number) * (b[column + 3] as number) +
      (a[row + 2] as number) * (b[column + 6] as number)
    );
  }) as unknown as Matrix3;
}

/** m v. */
export function times3(m: Matrix3, [x, y, z]: Vec3): Vec3 {
  return [m[0] * x + m[1] * y + m[2] * z, m[3] * x + m[4] * y + m[5] * z, m[6] * x + m[7] * y + m[8] * z];
}

/** The inverse by cofactors; throws `RangeError` for a singular matrix. */
export function inverse3([a, b, c, d, e, f, g, h, i]: Matrix3): Matrix3 {
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  if (!(Math.abs(determinant) > 0)) throw new RangeError('the matrix is singular');
  return [
    e * i - f * h,
    c * h - b * i,
    b * f - c * e,
    f * g - d * i,
    a * i - c * g,
    c * d - a * f,
    d * h - e * g,
    b * g - a * h,
    a * e - b * d,
  ].map((cofactor) => cofactor / determinant) as unknown as Matrix3;
}

/** Rotation about x, then y, then z (as matrices: Rx Ry Rz), radians. */
export function rotationMatrix([x, y, z]: Vec3): Matrix3 {
  return product3(product3(rotationAbout(0, x), rotationAbout(1, y)), rotationAbout(2, z));
}

/** Six shears of one axis by another after one another, xy first, then xz, yx, yz, zx, zy: volumes stay as they are. */
export function shearMatrix([xy, xz, yx, yz, zx, zy]: readonly [
  number,
  number,
  number,
  number,
  number,
  number,
]): Matrix3 {
  const single = (place: 1 | 2 | 3 | 5 | 6 | 7, by: number): Matrix3 =>
    IDENTITY_3.map((element, i) => (i === place ? by : element)) as unknown as Matrix3;
  const inOrder = [single(1, xy), single(2, xz), single(3, yx), single(5, yz), single(6, zx), single(7, zy)];
  return inOrder.reduce((all, next) => product3(next, all), IDENTITY_3);
}

/** Rotation about one axis, radians. */
export function rotationAbout(axis: 0 | 1 | 2, angle: number): Matrix3 {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  if (axis === 0) return [1, 0, 0, 0, cos, -sin, 0, sin, cos];
  if (axis === 1) return [cos, 0, sin, 0, 1, 0, -sin, 0, cos];
  return [cos, -sin, 0, sin, cos, 0, 0, 0, 1];
}

/** The affine of a grid whose voxel i lies where voxel `linear` i + `offset` of the old grid lay. */
export function movedAffine(affine: Affine, linear: Matrix3, offset: Vec3): Affine {
  const rows = [0, 1, 2].map((row) => {
    const own: Vec3 = [affineAt(affine, row, 0), affineAt(affine, row, 1), affineAt(affine, row, 2)];
    const columns = [0, 1, 2].map(
      (column) =>
        own[0] * (linear[column] as number) +
        own[1] * (linear[column + 3] as number) +
        own[2] * (linear[column + 6] as number),
    );
    const start = affineAt(affine, row, 3) + own[0] * offset[0] + own[1] * offset[1] + own[2] * offset[2];
    return [...columns, start];
  });
  return [...rows.flat(), 0, 0, 0, 1];
}
