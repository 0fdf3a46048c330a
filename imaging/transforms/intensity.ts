import type { Augmentation } from '@voxhelm/contracts/plan';
import type { Random } from '../random.ts';
import { normalDraws, uniformBetween } from '../random.ts';

type Of<Name extends Augmentation['name']> = Extract<Augmentation, { name: Name }>;

/** x times `scale` plus `offset`, in place; with `zerosStay` only where x is not 0. */
export function linear(values: Float32Array, scale: number, offset: number, zerosStay = false): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!zerosStay || value !== 0) values[i] = value * scale + offset;
  }
}

/** Smallest and largest value. */
export function extent(values: Float32Array): { low: number; high: number } {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}

/** Mean and (population) deviation, of all values or of those that are not 0; null without any. */
export function moments(values: Float32Array, nonzero: boolean): { mean: number; deviation: number } | null {
  let count = 0;
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (nonzero && value === 0) continue;
    count += 1;
    sum += value;
  }
  if (count === 0) return null;
  const mean = sum / count;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (!nonzero || value !== 0) squares += (value - mean) * (value - mean);
  }
  return { mean, deviation: Math.sqrt(squares / count) };
}

/** x cut to lower..upper, minus `shift`, over `divisor`, in place. */
export function clipAndScale(values: Float32Array, lower: number, upper: number, shift: number, divisor: number): void {
  for (let i = 0; i < values.length; i++) {
    values[i] = (Math.min(upper, Math.max(lower, values[i] as number)) - shift) / divisor;
  }
}

/** x between low and high, as a share of the range, to a power, in place; a range of 0 changes nothing. */
export function power(values: Float32Array, low: number, high: number, exponent: number): void {
  const range = high - low;
  if (!(range > 0)) return;
  for (let i = 0; i < values.length; i++) {
    // What an inverse rounds below the range has no power.
    const share = Math.max(0, ((values[i] as number) - low) / range);
    values[i] = low + range * share ** exponent;
  }
}

/** The piecewise linear map that takes each of `from` (ascending) to the number at its place in `to`, in place. */
export function interpolate(values: Float32Array, from: readonly number[], to: readonly number[]): void {
  const last = from.length - 1;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (value <= (from[0] as number)) values[i] = to[0] as number;
    else if (value >= (from[last] as number)) values[i] = to[last] as number;
    else {
      let piece = 0;
      while (piece < last - 1 && value > (from[piece + 1] as number)) piece += 1;
      const x0 = from[piece] as number;
      const y0 = to[piece] as number;
      const width = (from[piece + 1] as number) - x0;
      values[i] = width > 0 ? y0 + ((value - x0) / width) * ((to[piece + 1] as number) - y0) : y0;
    }
  }
}

/** Adds Gaussian noise in place. */
export function addNoise(random: Random, values: Float32Array, mean: number, deviation: number): void {
  const normal = normalDraws(random);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + mean + deviation * normal();
}

/** Multiplies a patch in place by 1 + u, u drawn from ±`factor`. */
export function scaleIntensity(random: Random, scale: Of<'scale-intensity'>, image: Float32Array): void {
  if (random() >= scale.probability) return;
  linear(image, 1 + uniformBetween(random, -scale.factor, scale.factor), 0);
}

/** Adds u to a patch in place, u drawn from ±`offset`. */
export function shiftIntensity(random: Random, shift: Of<'shift-intensity'>, image: Float32Array): void {
  if (random() >= shift.probability) return;
  linear(image, 1, uniformBetween(random, -shift.offset, shift.offset));
}

/** Adds Gaussian noise in place, of a standard deviation drawn from 0 to `standardDeviation`. */
export function gaussianNoise(random: Random, noise: Of<'gaussian-noise'>, image: Float32Array): void {
  if (random() >= noise.probability) return;
  addNoise(random, image, 0, uniformBetween(random, 0, noise.standardDeviation));
}

/**
 * Raises each channel, scaled to 0..1 by its own minimum and maximum, to a power drawn from `range`, in place; minimum
 * and maximum stay as they are. A constant channel stays as it is.
 */
export function gamma(random: Random, options: Of<'gamma'>, image: Float32Array, channels: number): void {
  if (random() >= options.probability) return;
  const exponent = uniformBetween(random, options.range[0], options.range[1]);
  const voxels = image.length / channels;
  for (let first = 0; first < image.length; first += voxels) {
    const channel = image.subarray(first, first + voxels);
    const { low, high } = extent(channel);
    power(channel, low, high, exponent);
  }
}
