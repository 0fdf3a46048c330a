import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import type { Network, ParameterSpec } from './network.ts';

/*
 * Fine-tuning: which parameters a training moves.
 */

/** What of a plan decides it; absent: everything is trained. */
export type Freeze = Plan['training']['freeze'] | undefined;

/** True for the parameters of a network's encoder. Throws `invalid-request` where the network has none. */
function encoderOf(network: Network): (name: string) => boolean {
  const prefixes = network.encoder;
  if (prefixes === undefined) {
    throw new VoxhelmError('invalid-request', `${network.class} has no encoder that could be frozen`, {
      fix: 'Take plan.freeze out of the request, or name algorithms whose networks have one.',
      details: { field: 'plan.freeze' },
    });
  }
  return (name) => prefixes.some((prefix) => name.startsWith(prefix));
}

/** The parameters that stay as they are. Throws `invalid-request` where the network has no such part, or no other. */
export function frozenSpecs(network: Network, freeze: Freeze): readonly ParameterSpec[] {
  if (freeze === undefined || freeze === 'none') return [];
  const inEncoder = encoderOf(network);
  const frozen = network.specs.filter(({ name }) => inEncoder(name));
  if (frozen.length === network.specs.length) {
    throw new VoxhelmError('invalid-request', `${network.class} would have nothing left to train`);
  }
  return frozen;
}

/** Tells whether a training moves a parameter, by its name. */
export function trains(network: Network, freeze: Freeze): (name: string) => boolean {
  const frozen = new Set(frozenSpecs(network, freeze).map(({ name }) => name));
  return (name) => !frozen.has(name);
}
