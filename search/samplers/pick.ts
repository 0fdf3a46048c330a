import { sampleCmaes } from './cmaes.ts';
import { sampleGp } from './gp.ts';
import { sampleRandom } from './random.ts';
import type { Sampler } from './sampler.ts';
import { sampleSobol } from './sobol.ts';
import { sampleTpe } from './tpe.ts';

/** Told trials above which a Gaussian process costs more than it gives (an ask grows with the cube of them). */
const MOST_FOR_GP = 250;
/** Parameters above which its lengthscales cannot be told apart by the trials that a study has. */
const MOST_PARAMETERS_FOR_GP = 60;

/**
 * The default: the Gaussian process while it is affordable; then CMA-ES where all parameters are ranges that always exist,
 * and TPE elsewhere.
 */
export const sampleAuto: Sampler = (context) => {
  const varying = context.codec.dimensions.filter(({ levels }) => levels > 1);
  if (context.told.length <= MOST_FOR_GP && varying.length <= MOST_PARAMETERS_FOR_GP) return sampleGp(context);
  const plain = varying.every(({ kind, parents }) => kind === 'continuous' && parents.length === 0);
  return plain && varying.length > 1 ? sampleCmaes(context) : sampleTpe(context);
};

/** Every sampler by its name in settings. */
export const SAMPLERS = {
  auto: sampleAuto,
  gp: sampleGp,
  tpe: sampleTpe,
  cmaes: sampleCmaes,
  sobol: sampleSobol,
  random: sampleRandom,
} satisfies Record<string, Sampler>;
export type SamplerName = keyof typeof SAMPLERS;
