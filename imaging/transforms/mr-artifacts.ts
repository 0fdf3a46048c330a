import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { cropPatch } from './crop.ts';
import { realValuesOf, type Spectrum, spectrumOf } from './fourier.ts';
import { affineTransform } from './spatial.ts';

/*
 * What MR scanners do to images, after TorchIO's motion, ghosting, spike and bias field (Shaw et al. 2019; Pérez-García et
 * al. 2021): each works on one channel [x][y][z], in place.
 */

/** A head that lay otherwise from a share of the acquisition on: radians about each axis, millimetres along it. */
export interface Movement {
  readonly time: number;
  readonly rotate: Vec3;
  readonly translateMm: Vec3;
}

const Z = [2] as const;

/**
 * Motion while k-space is read along z: the spectrum is put together of those of the moved images, each for its share of
 * the acquisition. The position that held while the middle of k-space (the image's contrast) was read is the one without
 * movement, so that image and label stay aligned.
 */
export function motion(channel: Float32Array, shape: Vec3, spacingMm: Vec3, movements: readonly Movement[]): void {
  const firsts = [0, ...movements.map(({ time }) => Math.floor(time * shape[2]))];
  const middle = firsts.reduce((last, first, i) => (first <= Math.floor(shape[2] / 2) ? i : last), 0);
  // Before the first movement the head lies as at the middle would, had it not moved: the two change places.
  const positions: (Movement | null)[] = [null, ...movements];
  positions[0] = positions[middle] ?? null;
  positions[middle] = null;
  const whole: Spectrum = { real: new Float64Array(channel.length), imaginary: new Float64Array(channel.length) };
  for (const [i, position] of positions.entries()) {
    const first = firsts[i] as number;
    const end = firsts[i + 1] ?? shape[2];
    if (first >= end) continue;
    const spectrum = spectrumOf(position === null ? channel : moved(channel, shape, spacingMm, position), shape, Z);
    copyPlanes(spectrum, whole, shape, (centred) => centred >= first && centred < end);
  }
  realValuesOf(whole, shape, Z, channel);
}

function moved(channel: Float32Array, shape: Vec3, spacingMm: Vec3, { rotate, translateMm }: Movement): Float32Array {
  const parameters = { rotate, shear: [0, 0, 0, 0, 0, 0] as const, translate: translateMm, scale: [1, 1, 1] as const };
  const result = new Float32Array(channel.length);
  const nothing = new Uint8Array(0); // Labels stay where they are.
  cropPatch(
    { image: channel, channels: 1, classes: nothing },
    { volumeShape: shape, start: [0, 0, 0], size: shape },
    affineTransform(parameters, 'border', spacingMm),
    result,
    nothing,
  );
  return result;
}

/** Copies the planes of z frequencies for which `takes` says so; it is asked with the lowest frequency first. */
function copyPlanes(from: Spectrum, to: Spectrum, shape: Vec3, takes: (centred: number) => boolean): void {
  for (let z = 0; z < shape[2]; z++) {
    if (!takes(centredIndex(z, shape[2]))) continue;
    for (let i = z; i < from.real.length; i += shape[2]) {
      to.real[i] = from.real[i] as number;
      to.imaginary[i] = from.imaginary[i] as number;
    }
  }
}

/** Where a frequency lies when 0 is in the middle (numpy's fftshift). */
function centredIndex(frequency: number, length: number): number {
  return (frequency + Math.floor(length / 2)) % length;
}

/** Ghosts along an axis: every `ghosts`-th plane of k-space is weaker by `intensity`, but for a share about its middle. */
export function ghosting(
  channel: Float32Array,
  shape: Vec3,
  options: { readonly axis: number; readonly ghosts: number; readonly intensity: number; readonly restore: number },
): void {
  const { axis, ghosts, intensity, restore } = options;
  const length = shape[axis as 0 | 1 | 2];
  const inner = axis === 0 ? shape[1] * shape[2] : axis === 1 ? shape[2] : 1;
  const spectrum = spectrumOf(channel, shape, [axis]);
  const middle = Math.floor(length / 2);
  for (let i = 0; i < channel.length; i++) {
    const centred = centredIndex(Math.floor(i / inner) % length, length);
    if (centred % ghosts !== 0 || Math.abs(centred - middle) <= (restore * length) / 2) continue;
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

/** The height of a spike that is `intensity` times the largest value of the spectrum. */
export function spikeHeight(channel: Float32Array, shape: Vec3, intensity: number): number {
  const { real, imaginary } = spectrumOf(channel, shape, [0, 1, 2]);
  let largest = 0;
  for (let i = 0; i < real.length; i++)
    largest = Math.max(largest, Math.hypot(real[i] as number, imaginary[i] as number));
  return (intensity * largest) / voxelCount(shape);
}

/** One bright point of k-space is stripes over the whole image; it is added `times` (-1 takes it away again). */
export function spike(channel: Float32Array, shape: Vec3, { place, height }: Spike, times: number): void {
  const wave = place.map((share, axis) => {
    const length = shape[axis] as number;
    return (2 * Math.PI * (Math.floor(share * length) - Math.floor(length / 2))) / length;
  });
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
