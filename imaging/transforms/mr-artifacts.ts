import { roundHalfEven } from '../nearest-positions.ts';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { centredIndex, realValuesOf, spectrumOf } from './fourier.ts';

/*
 * What MR scanners do to images: TorchIO's ghosting, spike and bias field (Pérez-García et al. 2021), with its numbers but
 * for what docs/transforms.md tells. Each works on one channel [x][y][z], in place.
 */

/**
 * Ghosts along an axis: every `ghosts`-th plane of k-space, from the lowest frequency on, is weaker by `intensity`, but for
 * the share `restore` of the planes about the middle one, rounded down to an even number. The middle plane, the mean along
 * the axis, always stays; null: it alone.
 */
export function ghosting(
  channel: Float32Array,
  shape: Vec3,
  options: {
    readonly axis: number;
    readonly ghosts: number;
    readonly intensity: number;
    readonly restore: number | null;
  },
): void {
  const { axis, ghosts, intensity, restore } = options;
  const length = shape[axis as 0 | 1 | 2];
  const inner = axis === 0 ? shape[1] * shape[2] : axis === 1 ? shape[2] : 1;
  const spectrum = spectrumOf(channel, shape, [axis]);
  const middle = Math.floor(length / 2);
  const half = Math.floor(roundHalfEven((restore ?? 0) * length) / 2);
  for (let i = 0; i < channel.length; i++) {
    const centred = centredIndex(Math.floor(i / inner) % length, length);
    if (centred % ghosts !== 0 || centred === middle || (centred >= middle - half && centred < middle + half)) continue;
    spectrum.real[i] = (spectrum.real[i] as number) * (1 - intensity);
    spectrum.imaginary[i] = (spectrum.imaginary[i] as number) * (1 - intensity);
  }
  realValuesOf(spectrum, shape, [axis], channel);
}

/** A spike in k-space: its place as shares of the axes, frequency 0 in the middle, and its height as a wave of the image. */
export interface Spike {
  readonly place: Vec3;
  readonly height: number;
}

/**
 * Spikes at the places, each `intensity` times the largest value of the spectrum in which the spikes before it stand: as in
 * TorchIO, several outgrow one another.
 */
export function spikesAt(channel: Float32Array, shape: Vec3, places: readonly Vec3[], intensity: number): Spike[] {
  const { real, imaginary } = spectrumOf(channel, shape, [0, 1, 2]);
  return places.map((place) => {
    let largest = 0;
    for (let i = 0; i < real.length; i++)
      largest = Math.max(largest, Math.hypot(real[i] as number, imaginary[i] as number));
    const [x, y, z] = frequencyAt(place, shape).map((frequency, axis) => {
      const length = shape[axis] as number;
      return (frequency + length) % length;
    }) as unknown as Vec3;
    const at = (x * shape[1] + y) * shape[2] + z;
    real[at] = (real[at] as number) + intensity * largest;
    return { place, height: (intensity * largest) / voxelCount(shape) };
  });
}

/** The frequency at shares of the axes, 0 in the middle. */
function frequencyAt(place: Vec3, shape: Vec3): Vec3 {
  return place.map((share, axis) => {
    const length = shape[axis] as number;
    return Math.floor(share * length) - Math.floor(length / 2);
  }) as unknown as Vec3;
}

/** One bright point of k-space is stripes over the whole image; it is added `times` (-1 takes it away again). */
export function spike(channel: Float32Array, shape: Vec3, { place, height }: Spike, times: number): void {
  const wave = frequencyAt(place, shape).map((frequency, axis) => (2 * Math.PI * frequency) / (shape[axis] as number));
  let i = 0;
  for (let x = 0; x < shape[0]; x++) {
    for (let y = 0; y < shape[1]; y++) {
      const phase = x * (wave[0] as number) + y * (wave[1] as number);
      for (let z = 0; z < shape[2]; z++, i++) {
        channel[i] = (channel[i] as number) + times * height * Math.cos(phase + z * (wave[2] as number));
      }
    }
  }
}

/** The number of coefficients of a polynomial of x, y and z up to an order. */
export function polynomialTerms(order: number): number {
  return ((order + 1) * (order + 2) * (order + 3)) / 6;
}

/**
 * Multiplies by exp of a polynomial of the position (each axis -1..1), or divides by it: the smooth brightness of a coil
 * (Van Leemput et al. 1999). Coefficients in the order of powers of x, then y, then z.
 */
export function biasField(
  channel: Float32Array,
  shape: Vec3,
  coefficients: readonly number[],
  order: number,
  divides: boolean,
): void {
  const powersOf = (length: number): Float64Array[] =>
    Array.from({ length }, (_, i) => {
      const at = length === 1 ? 0 : (2 * i) / (length - 1) - 1;
      return Float64Array.from({ length: order + 1 }, (_, power) => at ** power);
    });
  const [xs, ys, zs] = shape.map(powersOf) as [Float64Array[], Float64Array[], Float64Array[]];
  let i = 0;
  for (const x of xs) {
    for (const y of ys) {
      for (const z of zs) {
        const field = Math.exp(polynomial(coefficients, order, x, y, z));
        channel[i] = divides ? (channel[i] as number) / field : (channel[i] as number) * field;
        i += 1;
      }
    }
  }
}

function polynomial(
  coefficients: readonly number[],
  order: number,
  x: Float64Array,
  y: Float64Array,
  z: Float64Array,
): number {
  let sum = 0;
  let term = 0;
  for (let i = 0; i <= order; i++) {
    for (let j = 0; j <= order - i; j++) {
      const xy = (x[i] as number) * (y[j] as number);
      for (let k = 0; k <= order - i - j; k++) sum += (coefficients[term++] as number) * xy * (z[k] as number);
    }
  }
  return sum;
}
