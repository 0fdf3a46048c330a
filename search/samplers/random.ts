import type { Point } from '@voxhelm/contracts/trial';
import { normalByKeys, uniformByKeys } from '../random.ts';
import { type Domain, isActive } from '../space.ts';
import type { Sampler } from './sampler.ts';

/** The grid point at or next to `value`: multiples of `step` from `low`, kept inside the bounds, without 0.30000000000000004. */
function snap(value: number, low: number, high: number, step: number): number {
  const last = Math.floor((high - low) / step + 1e-9);
  const index = Math.min(last, Math.max(0, Math.round((value - low) / step)));
  return Math.min(high, Number((low + index * step).toPrecision(12)));
}

/** One value of a domain, drawn by the keys (seed, trial number, parameter path). */
function draw(domain: Domain, keys: readonly (number | string)[]): number | string | boolean {
  if (domain.kind === 'choice') {
    const index = Math.floor(uniformByKeys(...keys) * domain.options.length);
    return domain.options[index] as number | string | boolean;
  }
  if (domain.kind === 'normal') {
    const value = domain.mean + domain.standardDeviation * normalByKeys(...keys);
    const natural = domain.log ? Math.exp(value) : value;
    return domain.step === null ? natural : Number((Math.round(natural / domain.step) * domain.step).toPrecision(12));
  }
  const { low, high, log, step } = domain;
  const u = uniformByKeys(...keys);
  if (step !== null && !log) {
    // Each grid point is equally likely; rounding a uniform draw would halve the two at the ends.
    return snap(low + Math.floor(u * (Math.floor((high - low) / step + 1e-9) + 1)) * step, low, high, step);
  }
  const value = log ? Math.exp(Math.log(low) + u * (Math.log(high) - Math.log(low))) : low + u * (high - low);
  return step === null ? Math.min(high, Math.max(low, value)) : snap(value, low, high, step);
}

/** Independent draws for every parameter that exists at the point (random search, Bergstra and Bengio 2012). */
export const sampleRandom: Sampler = ({ parameters, seed, number }) => {
  const point: Point = {};
  for (const parameter of parameters) {
    if (isActive(parameter, point)) point[parameter.path] = draw(parameter.domain, [seed, number, parameter.path]);
  }
  return point;
};
