import type { Codec, Dimension } from '../codec.ts';
import type { Sampler } from './sampler.ts';
import { sobol } from './sobol-sequence.ts';

/**
 * Coordinates of point `index` of the scrambled Sobol sequence of `seed`. Choices in `fixed` keep their option; a parameter
 * that does not exist there leaves its axis out.
 */
export function sobolVector(
  codec: Codec,
  seed: number,
  index: number,
  fixed: ReadonlyMap<number, number> = new Map(),
): Float64Array {
  const vector = new Float64Array(codec.dimensions.length).fill(Number.NaN);
  for (const [dimension, coordinate] of fixed) vector[dimension] = coordinate;
  codec.settle(vector, (dimension) =>
    (codec.dimensions[dimension] as Dimension).fromUniform(sobol(seed, index, dimension)),
  );
  return vector;
}

/** A low-discrepancy sequence over the space's own distributions (Sobol 1967, Owen 1995). */
export const sampleSobol: Sampler = ({ codec, seed, number }) => ({
  point: codec.decode(sobolVector(codec, seed, number)),
  source: 'sobol',
});
