import type { Point } from '@voxhelm/contracts/trial';
import type { Codec } from '../codec.ts';
import { uniformByKeys } from '../random.ts';
import type { Sampler } from './sampler.ts';

/** A point drawn from the space's own distributions; each value keyed by its path, so that others do not move it. */
export function randomPoint(codec: Codec, ...keys: readonly (number | string)[]): Point {
  const vector = new Float64Array(codec.dimensions.length).fill(Number.NaN);
  codec.settle(vector, (index) => {
    const dimension = codec.dimensions[index] as Codec['dimensions'][number];
    return dimension.fromUniform(uniformByKeys(...keys, dimension.parameter.path));
  });
  return codec.decode(vector);
}

/** Independent draws for every parameter that exists at the point (random search, Bergstra and Bengio 2012). */
export const sampleRandom: Sampler = ({ codec, seed, number }) => ({
  point: randomPoint(codec, seed, number),
  source: 'random',
});
