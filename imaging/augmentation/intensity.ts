import type { Augmentation } from '@voxhelm/contracts/plan';
import type { Random } from '../random.ts';
import { uniformBetween } from '../random.ts';

type Of<Name extends Augmentation['name']> = Extract<Augmentation, { name: Name }>;

/** Multiplies a patch in place by 1 + u, u drawn from ±`factor`. */
export function scaleIntensity(random: Random, scale: Of<'scale-intensity'>, image: Float32Array): void {
  if (random() >= scale.probability) return;
  const factor = 1 + uniformBetween(random, -scale.factor, scale.factor);
  for (let i = 0; i < image.length; i++) image[i] = (image[i] as number) * factor;
}

/** Adds u to a patch in place, u drawn from ±`offset`. */
export function shiftIntensity(random: Random, shift: Of<'shift-intensity'>, image: Float32Array): void {
  if (random() >= shift.probability) return;
  const offset = uniformBetween(random, -shift.offset, shift.offset);
  for (let i = 0; i < image.length; i++) image[i] = (image[i] as number) + offset;
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
    let low = Infinity;
    let high = -Infinity;
    for (let i = first; i < first + voxels; i++) {
      const value = image[i] as number;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const range = high - low;
    if (!(range > 0)) continue;
    for (let i = first; i < first + voxels; i++) {
      image[i] = low + range * (((image[i] as number) - low) / range) ** exponent;
    }
  }
}
