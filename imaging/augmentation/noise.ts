import type { Augmentation } from '@voxhelm/contracts/plan';
import type { Random } from '../random.ts';
import { normalDraws, uniformBetween } from '../random.ts';

type GaussianNoise = Extract<Augmentation, { name: 'gaussian-noise' }>;

/** Adds Gaussian noise in place, of a standard deviation drawn from 0 to `standardDeviation`. */
export function gaussianNoise(random: Random, noise: GaussianNoise, image: Float32Array): void {
  if (random() >= noise.probability) return;
  const standardDeviation = uniformBetween(random, 0, noise.standardDeviation);
  const normal = normalDraws(random);
  for (let i = 0; i < image.length; i++) image[i] = (image[i] as number) + standardDeviation * normal();
}
