import { normalDraws, type Random, seededRandom } from '@voxhelm/imaging/random';
import type { Initialization, Network, ParameterSpec, Parameters } from './network.ts';
import type { DrawnWeights, EngineState, StartState, StateValues } from './training-engine.ts';
import { toParameters } from './weights.ts';

/** PyTorch's trunc_normal_ cuts at -2 and 2 (not at two deviations), whatever the deviation. */
const NORMAL_CUT = 2;

function drawNormal(
  values: Float32Array,
  { rule, standardDeviation }: Extract<Initialization, { standardDeviation: number }>,
  random: Random,
): Float32Array {
  const draw = normalDraws(random);
  for (let i = 0; i < values.length; i++) {
    let value = draw() * standardDeviation;
    while (rule === 'truncated-normal' && Math.abs(value) > NORMAL_CUT) value = draw() * standardDeviation;
    values[i] = value;
  }
  return values;
}

/** Each entry of the first axis so many times, one after the other. */
function repeated(values: Float32Array, shape: readonly number[], repeats: number): Float32Array {
  const size = shape.slice(1).reduce((product, n) => product * n, 1);
  const all = new Float32Array(values.length * repeats);
  for (let i = 0; i < all.length; i += size) {
    const from = Math.floor(i / size / repeats) * size;
    all.set(values.subarray(from, from + size), i);
  }
  return all;
}

/** First values of one parameter in PyTorch's layout; a pure function of (seed, name). */
export function initialValues(spec: ParameterSpec, seed: number): Float32Array {
  const length = spec.shape.reduce((product, n) => product * n, 1);
  const values = new Float32Array(length);
  if (spec.init.rule === 'ones') return values.fill(1);
  if (spec.init.rule === 'zeros') return values;
  if (spec.init.rule === 'constant') return values.fill(spec.init.value);
  const random = seededRandom(seed, 'initialize', spec.name);
  if (spec.init.rule !== 'uniform-fan-in') {
    const repeats = spec.init.rule === 'normal' ? (spec.init.repeats ?? 1) : 1;
    if (repeats === 1) return drawNormal(values, spec.init, random);
    return repeated(drawNormal(new Float32Array(length / repeats), spec.init, random), spec.shape, repeats);
  }
  const bound = 1 / Math.sqrt(spec.init.fanIn);
  for (let i = 0; i < length; i++) values[i] = (random() * 2 - 1) * bound;
  return values;
}

/** Parameters drawn by PyTorch's standard rules (automl.md 9.14). The caller disposes. */
export function initialParameters(network: Network, seed: number): Parameters {
  return toParameters(network, (spec) => initialValues(spec, seed));
}

/**
 * The state in which a training starts: weights to be drawn, slots of zeros, and a running mean that is the weights. `given`:
 * values in PyTorch's layout in place of drawn ones, by parameter.
 */
export function startState(seed: number, groups: readonly string[], given: StateValues = new Map()): StartState {
  const weights: DrawnWeights = { seed, given };
  return new Map(groups.map((group) => [group, group === 'weights' || group === 'ema' ? weights : 'zeros']));
}

/** Values by parameter, one at a time. */
export type ValuesByName = Pick<StateValues, 'get'>;

/** A group of a state as an engine takes it: drawn weights are computed as they are asked for. */
export function valuesOf(network: Network, group: StateValues | 'zeros' | DrawnWeights): ValuesByName | 'zeros' {
  if (group === 'zeros' || !('seed' in group)) return group;
  const specs = new Map(network.specs.map((spec) => [spec.name, spec]));
  return {
    get(name) {
      const spec = specs.get(name);
      return group.given.get(name) ?? (spec === undefined ? undefined : initialValues(spec, group.seed));
    },
  };
}

/** {@link startState} with its values. */
export function initialState(network: Network, seed: number, groups: readonly string[]): EngineState {
  const weights = new Map(network.specs.map((spec) => [spec.name, initialValues(spec, seed)]));
  return new Map(groups.map((group) => [group, group === 'weights' || group === 'ema' ? weights : 'zeros']));
}
