import { nearestPositions } from './nearest-positions.ts';
import { pickVoxels, resampledShape, withSpacing } from './resample.ts';
import { type LabelMap, spacingOf, type Vec3, type Volume, voxelCount } from './volume.ts';

/*
 * Resampling of images by cubic B-splines through their voxels (Unser, "Splines: a perfect fit", 1999), as nnU-Net does: no
 * blur by the interpolation, where a linear one takes the mean of neighbours. Borders are mirrored about the last voxel.
 */

/** The pole of the cubic B-spline's filter, sqrt(3) - 2, and how many voxels its memory lasts in float32. */
const POLE = Math.sqrt(3) - 2;
const HORIZON = 16;

/** An axis of an array [outer][axis][inner]. */
interface Lines {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

function linesOf(channels: number, shape: Vec3, axis: 0 | 1 | 2): Lines {
  const inner = axis === 0 ? shape[1] * shape[2] : axis === 1 ? shape[2] : 1;
  return { outer: (channels * voxelCount(shape)) / (shape[axis] * inner), size: shape[axis], inner };
}

/** Index of a voxel beyond the borders, mirrored about the last one. */
function mirrored(index: number, size: number): number {
  if (size === 1) return 0;
  const period = 2 * (size - 1);
  const at = ((index % period) + period) % period;
  return at < size ? at : period - at;
}

/** Spline coefficients in place of values, along one axis: the filter forwards, then backwards. */
function toCoefficients(data: Float32Array, { outer, size, inner }: Lines): void {
  if (size === 1) return;
  for (let block = 0; block < outer; block++) {
    const plane = (index: number): number => (block * size + index) * inner;
    for (let offset = 0; offset < inner; offset++) {
      let first = 0;
      for (let k = 0; k < HORIZON; k++) first += POLE ** k * (data[plane(mirrored(k, size)) + offset] as number);
      data[plane(0) + offset] = 6 * first;
    }
    for (let index = 1; index < size; index++) {
      const [at, before] = [plane(index), plane(index - 1)];
      for (let i = 0; i < inner; i++) data[at + i] = 6 * (data[at + i] as number) + POLE * (data[before + i] as number);
    }
    const [last, previous] = [plane(size - 1), plane(size - 2)];
    for (let i = 0; i < inner; i++) {
      const sum = (data[last + i] as number) + POLE * (data[previous + i] as number);
      data[last + i] = (POLE / (POLE * POLE - 1)) * sum;
    }
    for (let index = size - 2; index >= 0; index--) {
      const [at, after] = [plane(index), plane(index + 1)];
      for (let i = 0; i < inner; i++) data[at + i] = POLE * ((data[after + i] as number) - (data[at + i] as number));
    }
  }
}

/** Voxels that an output voxel is made of, with their weights. */
type Taps = readonly (readonly [index: number, weight: number])[];

function splineTaps(position: number, size: number): Taps {
  const low = Math.floor(position);
  const t = position - low;
  const weights = [(1 - t) ** 3, 4 - 6 * t ** 2 + 3 * t ** 3, 1 + 3 * t + 3 * t ** 2 - 3 * t ** 3, t ** 3];
  return weights.map((weight, i) => [mirrored(low - 1 + i, size), weight / 6]);
}

/** Makes each output plane of an axis of the input planes that its taps name. */
function combine(data: Float32Array, { outer, size, inner }: Lines, taps: readonly Taps[]): Float32Array {
  const result = new Float32Array(outer * taps.length * inner);
  for (let block = 0; block < outer; block++) {
    for (const [index, parts] of taps.entries()) {
      const to = (block * taps.length + index) * inner;
      for (const [plane, weight] of parts) {
        const from = (block * size + plane) * inner;
        for (let i = 0; i < inner; i++)
          result[to + i] = (result[to + i] as number) + weight * (data[from + i] as number);
      }
    }
  }
  return result;
}

/** nnU-Net: voxels more than three times as long on one axis as on another are not interpolated along that axis. */
const SEPARATE_FROM = 3;

/** The axis along which an image is not interpolated: the one clearly coarse axis of its own spacing, or of the target's. */
export function uninterpolatedAxis(fromMm: Vec3, toMm: Vec3): 0 | 1 | 2 | null {
  for (const spacing of [fromMm, toMm]) {
    const coarsest = Math.max(...spacing);
    if (coarsest / Math.min(...spacing) <= SEPARATE_FROM) continue;
    const axes = ([0, 1, 2] as const).filter((axis) => spacing[axis] === coarsest);
    return axes.length === 1 ? (axes[0] as 0 | 1 | 2) : null;
  }
  return null;
}

/**
 * A slice this little below the middle of two (in slices) counts as the middle: image and label file may round their voxel
 * sizes in another way (32 bits: 1e-7 of the way from the first slice), and must take the same slice all the same.
 */
const MIDDLE_WITHIN = 1e-3;

/**
 * The slice that each of `toSize` new ones is, along an axis that is not interpolated: the nearest to i * step, in the
 * middle of two the farther one, as nnU-Net's (scipy's map_coordinates of order 0: floor(position + 0.5), image and
 * labels alike). Each slice comes about as often as any other; halves to the even one would triple every second slice.
 */
function nearestSlices(fromSize: number, toSize: number, step: number): Int32Array {
  return Int32Array.from({ length: toSize }, (_, i) =>
    Math.min(fromSize - 1, Math.floor(i * step + 0.5 + MIDDLE_WITHIN)),
  );
}

/**
 * Labels on the grid of {@link resampleSpline}: the nearest voxel, and along an axis that is not interpolated the very
 * slices that the image takes.
 */
export function resampleNearestBesideSpline(label: LabelMap, spacingMm: Vec3): LabelMap {
  const from = spacingOf(label.affine);
  const shape = resampledShape(label.shape, from, spacingMm);
  const coarse = uninterpolatedAxis(from, spacingMm);
  const positions = ([0, 1, 2] as const).map((axis) => {
    const find = axis === coarse ? nearestSlices : nearestPositions;
    return find(label.shape[axis], shape[axis], spacingMm[axis] / from[axis]);
  }) as [Int32Array, Int32Array, Int32Array];
  return { shape, data: pickVoxels(label, positions), affine: withSpacing(label.affine, from, spacingMm) };
}

/**
 * An image at other voxel sizes (mm, axes as they are), on the grid of `resampleLinear`: by cubic splines, and along a clearly
 * coarse axis by the nearest slice, for what lies between slices three voxels apart is no cubic.
 */
export function resampleSpline(volume: Volume, spacingMm: Vec3): Volume {
  const from = spacingOf(volume.affine);
  const shape = resampledShape(volume.shape, from, spacingMm);
  const nearest = uninterpolatedAxis(from, spacingMm);
  let current = volume.data;
  let size: Vec3 = volume.shape;
  for (const axis of [0, 1, 2] as const) {
    const step = spacingMm[axis] / from[axis];
    if (step === 1 && size[axis] === shape[axis]) continue;
    const lines = linesOf(volume.channels, size, axis);
    if (axis === nearest) {
      const slices = nearestSlices(size[axis], shape[axis], step);
      current = combine(
        current,
        lines,
        Array.from(slices, (slice) => [[slice, 1]] as const),
      );
    } else {
      const positions = Array.from({ length: shape[axis] }, (_, i) => Math.min(size[axis] - 1, i * step));
      const coefficients = current === volume.data ? current.slice() : current;
      toCoefficients(coefficients, lines);
      current = combine(
        coefficients,
        lines,
        positions.map((position) => splineTaps(position, size[axis])),
      );
    }
    size = [axis === 0 ? shape[0] : size[0], axis === 1 ? shape[1] : size[1], axis === 2 ? shape[2] : size[2]];
  }
  const data = current === volume.data ? current.slice() : current;
  return { shape, channels: volume.channels, data, affine: withSpacing(volume.affine, from, spacingMm) };
}
