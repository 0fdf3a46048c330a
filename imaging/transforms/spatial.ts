import type { Augmentation } from '@voxhelm/contracts/plan';
import type { PatchTransform } from '@voxhelm/contracts/transforms';
import type { Random } from '../random.ts';
import { uniformBetween } from '../random.ts';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { IDENTITY_3, inverse3, type Matrix3, product3, rotationMatrix, shearMatrix, times3 } from './matrix.ts';
import { blur, erfKernel } from './smooth.ts';

type Flip = Extract<Augmentation, { name: 'flip' }>;
type Affine = Extract<Augmentation, { name: 'affine' }>;
type Of<Name extends PatchTransform['name']> = Extract<PatchTransform, { name: Name }>;

/** What lies beyond the volume: its mirror image, its last voxel, or 0. */
export type Padding = 'reflection' | 'border' | 'zeros';

/**
 * The one spatial transform of a patch: an offset d to the patch's centre (in its voxels) is sampled at
 * `linear` d + `shiftVoxels` + field(d) about the same centre of the volume.
 */
export interface SpatialTransform {
  /** Row-major 3x3. */
  readonly linear: Matrix3;
  readonly shiftVoxels: Vec3;
  /** Further displacements in voxels, [3][x][y][z] on the patch's own grid. */
  readonly field: Float32Array | null;
  /** null: the transform looks nowhere else, another one's decides; the border where none does. */
  readonly padding: Padding | null;
}

/** A patch as it lies in its volume. */
export const NO_TRANSFORM: SpatialTransform = {
  linear: IDENTITY_3,
  shiftVoxels: [0, 0, 0],
  field: null,
  padding: null,
};

/** Rotations in radians, six shears, translations and factors of one affine transform. */
export interface AffineParameters {
  readonly rotate: Vec3;
  readonly shear: readonly [number, number, number, number, number, number];
  readonly translate: Vec3;
  readonly scale: Vec3;
}

/** Mirrors some axes. */
export function mirrorTransform(axes: readonly number[]): SpatialTransform {
  const sign = (axis: number): number => (axes.includes(axis) ? -1 : 1);
  return { ...NO_TRANSFORM, linear: [sign(0), 0, 0, 0, sign(1), 0, 0, 0, sign(2)] };
}

/** +1 and -1 by axis where a transform only mirrors, which needs no interpolation; else null. */
export function mirrorsOnly({ linear, shiftVoxels, field }: SpatialTransform): Vec3 | null {
  if (field !== null || shiftVoxels.some((shift) => shift !== 0)) return null;
  const mirrors = linear.every((element, i) => (i % 4 === 0 ? Math.abs(element) === 1 : element === 0));
  return mirrors ? [linear[0], linear[4], linear[8]] : null;
}

/**
 * Both transforms after one another, as one: what `next` does to the image that `before` made. `size` is the patch's.
 */
export function followedBy(before: SpatialTransform, next: SpatialTransform, size: Vec3): SpatialTransform {
  const shift = times3(before.linear, next.shiftVoxels);
  return {
    linear: product3(before.linear, next.linear),
    shiftVoxels: [0, 1, 2].map(
      (axis) => (shift[axis] as number) + (before.shiftVoxels[axis] as number),
    ) as unknown as Vec3,
    field: before.field === null && next.field === null ? null : joinedField(before, next, size),
    padding: next.padding ?? before.padding,
  };
}

/**
 * An affine transform as MONAI 1.6 composes it: rotation x shear x translation x scale. With `spacingMm` all of it happens in
 * millimetres, so that a rotation keeps distances also where voxels are no cubes.
 */
export function affineTransform(
  parameters: AffineParameters,
  padding: Padding,
  spacingMm: Vec3 | null,
): SpatialTransform {
  const { rotate, shear, translate, scale } = parameters;
  const turned = product3(rotationMatrix(rotate), shearMatrix(shear));
  const linear = product3(turned, [scale[0], 0, 0, 0, scale[1], 0, 0, 0, scale[2]]);
  const shift = times3(turned, translate);
  if (spacingMm === null) return { linear, shiftVoxels: shift, field: null, padding };
  const inVoxels = linear.map(
    (element, i) => (element * (spacingMm[i % 3] as number)) / (spacingMm[Math.floor(i / 3)] as number),
  ) as unknown as Matrix3;
  return {
    linear: inVoxels,
    shiftVoxels: [shift[0] / spacingMm[0], shift[1] / spacingMm[1], shift[2] / spacingMm[2]],
    field: null,
    padding,
  };
}

/** The transform that undoes one without a field (where neither left the volume). Throws `RangeError` for a field. */
export function inverseTransform({ linear, shiftVoxels, field }: SpatialTransform): SpatialTransform {
  if (field !== null) throw new RangeError('an elastic deformation has no inverse');
  const inverse = inverse3(linear);
  const back = times3(inverse, shiftVoxels);
  return { linear: inverse, shiftVoxels: [0 - back[0], 0 - back[1], 0 - back[2]], field: null, padding: 'border' };
}

/** Mirrors each of the axes with the probability, one after the other. */
export function drawFlip(random: Random, flip: Flip): SpatialTransform {
  return mirrorTransform(flip.axes.filter(() => random() < flip.probability));
}

/**
 * Rotates by up to ±`rotationRadians` about each axis and scales each axis by 1 ± `scale`, drawn anew with the
 * probability (the ranges are Auto3DSeg's form, ../shared/reference/automl.md 1.6). In millimetres, where both rotate voxels: a
 * turn keeps anatomy's shape also where voxels are no cubes.
 */
export function drawAffine(random: Random, affine: Affine, spacingMm: Vec3): SpatialTransform | null {
  if (random() >= affine.probability) return null;
  const rotate = affine.rotationRadians.map((range) => uniformBetween(random, -range, range)) as unknown as Vec3;
  const scale = affine.scale.map((range) => 1 + uniformBetween(random, -range, range)) as unknown as Vec3;
  return affineTransform({ rotate, shear: [0, 0, 0, 0, 0, 0], translate: [0, 0, 0], scale }, 'border', spacingMm);
}

/** Draws what MONAI's RandAffine draws, in its order: rotation, shear, translation, scale. */
export function drawAffineParameters(
  random: Random,
  options: Of<'RandAffined'> | Of<'Rand3DElasticd'>,
): AffineParameters {
  const draws = (given: number | readonly Range[] | null, count: number, middle: number): number[] => {
    // MONAI: a number is the first axis's, and what is not named stays.
    const ranges = typeof given === 'number' ? [given] : (given ?? []);
    return Array.from({ length: count }, (_, i) => middle + drawFrom(random, ranges[i] ?? 0));
  };
  return {
    rotate: draws(options.rotate_range, 3, 0) as unknown as Vec3,
    shear: draws(options.shear_range, 6, 0) as unknown as AffineParameters['shear'],
    translate: draws(options.translate_range, 3, 0) as unknown as Vec3,
    scale: draws(options.scale_range, 3, 1) as unknown as Vec3,
  };
}

/** A range as MONAI writes it: x for -x..x, or low and high. */
export type Range = number | readonly [number, number];

/** A draw from a range. */
export function drawFrom(random: Random, range: Range): number {
  return typeof range === 'number' ? uniformBetween(random, -range, range) : uniformBetween(random, range[0], range[1]);
}

/** How an elastic deformation's field is made: smooth noise, whose stream is kept so that it can be made again. */
export interface ElasticParameters {
  readonly sigmaVoxels: Vec3;
  readonly magnitudeVoxels: Vec3;
}

/**
 * A field of displacements as Rand3DElastic's: uniform noise of -1..1, blurred by a Gaussian (cut off after three
 * standard deviations, 0 beyond the patch), times the magnitude.
 */
export function elasticField(
  random: Random,
  size: Vec3,
  { sigmaVoxels, magnitudeVoxels }: ElasticParameters,
): Float32Array {
  const voxels = voxelCount(size);
  const field = Float32Array.from({ length: 3 * voxels }, () => uniformBetween(random, -1, 1));
  const kernels = sigmaVoxels.map((sigma) => erfKernel(sigma, 3));
  blur(field, 3, size, kernels, 'zeros');
  for (let axis = 0; axis < 3; axis++) {
    const magnitude = magnitudeVoxels[axis] as number;
    for (let i = axis * voxels; i < (axis + 1) * voxels; i++) field[i] = (field[i] as number) * magnitude;
  }
  return field;
}

/** field(d) of two transforms after one another: before.linear next.field(d) + before.field(where next looks). */
function joinedField(before: SpatialTransform, next: SpatialTransform, size: Vec3): Float32Array {
  const field = next.field === null ? new Float32Array(3 * voxelCount(size)) : turnedField(before.linear, next.field);
  if (before.field !== null) addFieldWhereSeen(before.field, next, size, field);
  return field;
}

/** linear u for each displacement u of a field. */
function turnedField(linear: Matrix3, field: Float32Array): Float32Array {
  const voxels = field.length / 3;
  const turned = new Float32Array(field.length);
  const [xx, xy, xz, yx, yy, yz, zx, zy, zz] = linear;
  for (let i = 0; i < voxels; i++) {
    const x = field[i] as number;
    const y = field[voxels + i] as number;
    const z = field[2 * voxels + i] as number;
    turned[i] = xx * x + xy * y + xz * z;
    turned[voxels + i] = yx * x + yy * y + yz * z;
    turned[2 * voxels + i] = zx * x + zy * y + zz * z;
  }
  return turned;
}

/** Adds to `sum` at each voxel the field's displacement where `next` samples it. */
function addFieldWhereSeen(field: Float32Array, next: SpatialTransform, size: Vec3, sum: Float32Array): void {
  const voxels = voxelCount(size);
  const parts = [0, 1, 2].map((axis) => field.subarray(axis * voxels, (axis + 1) * voxels));
  const [centreX, centreY, centreZ] = [(size[0] - 1) / 2, (size[1] - 1) / 2, (size[2] - 1) / 2];
  const [shiftX, shiftY, shiftZ] = next.shiftVoxels;
  let i = 0;
  for (let x = 0; x < size[0]; x++) {
    for (let y = 0; y < size[1]; y++) {
      for (let z = 0; z < size[2]; z++, i++) {
        const at = times3(next.linear, [x - centreX, y - centreY, z - centreZ]);
        const place: Vec3 = [
          at[0] + shiftX + centreX + (next.field?.[i] ?? 0),
          at[1] + shiftY + centreY + (next.field?.[voxels + i] ?? 0),
          at[2] + shiftZ + centreZ + (next.field?.[2 * voxels + i] ?? 0),
        ];
        for (let axis = 0; axis < 3; axis++) {
          const to = axis * voxels + i;
          sum[to] = (sum[to] as number) + sampleField(parts[axis] as Float32Array, size, place);
        }
      }
    }
  }
}

/** A value between the voxels of a field, its border going on. */
function sampleField(field: Float32Array, [sizeX, sizeY, sizeZ]: Vec3, at: Vec3): number {
  const clamp = (value: number, length: number): number => Math.min(length - 1, Math.max(0, value));
  const [x, y, z] = [clamp(at[0], sizeX), clamp(at[1], sizeY), clamp(at[2], sizeZ)];
  const [x0, y0, z0] = [Math.floor(x), Math.floor(y), Math.floor(z)];
  let sum = 0;
  for (let corner = 0; corner < 8; corner++) {
    const [dx, dy, dz] = [corner & 1, (corner >> 1) & 1, corner >> 2];
    const weight = Math.abs(1 - dx - (x - x0)) * Math.abs(1 - dy - (y - y0)) * Math.abs(1 - dz - (z - z0));
    if (weight > 0) sum += weight * (field[((x0 + dx) * sizeY + y0 + dy) * sizeZ + z0 + dz] as number);
  }
  return sum;
}
