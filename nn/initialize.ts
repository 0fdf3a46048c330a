import { seededRandom } from '@voxhelm/imaging/random';
import type { Network, ParameterSpec, Parameters } from './network.ts';
import { toParameters } from './weights.ts';

/** First values of one parameter in PyTorch's layout; a pure function of (seed, name). */
export function initialValues(spec: ParameterSpec, seed: number): Float32Array {
  const length = spec.shape.reduce((product, n) => product * n, 1);
  const values = new Float32Array(length);
  if (spec.init.rule === 'ones') return values.fill(1);
  if (spec.init.rule === 'zeros') return values;
  const bound = 1 / Math.sqrt(spec.init.fanIn);
  const random = seededRandom(seed, 'initialize', spec.name);
  for (let i = 0; i < length; i++) values[i] = (random() * 2 - 1) * bound;
  return values;
}

/** Parameters drawn by PyTorch's standard rules (automl.md 9.14). The caller disposes. */
export function initialParameters(network: Network, seed: number): Parameters {
  return toParameters(network, (spec) => initialValues(spec, seed));
}
