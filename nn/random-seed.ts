import { seededRandom } from '@voxhelm/imaging/random';

/**
 * Two 32-bit words that everything random on the device draws from in one micro-batch of a step: a pure function of the
 * training's seed, so that a resumed training draws the same. Layers tell themselves apart by a stream of their own.
 */
export function stepSeed(
  { seed, step }: { readonly seed: number; readonly step: number },
  microBatch: number,
): Int32Array {
  const random = seededRandom(seed, 'device', step, microBatch);
  return Int32Array.of(Math.floor(random() * 2 ** 32) | 0, Math.floor(random() * 2 ** 32) | 0);
}
