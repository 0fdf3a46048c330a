import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { FoundArchitecture, Plan } from '@voxhelm/contracts/plan';
import type { Network, NetworkFactory } from '@voxhelm/nn/network';
import { dintsNetwork } from './dints/network.ts';
import { type ArchitectureSearchOptions, searchArchitecture, searchHash } from './dints/network-search.ts';
import { segResNet } from './segresnet/network.ts';
import { swinUnetr } from './swinunetr/network.ts';
import { plainConvUNet, residualEncoderUNet } from './unet/network.ts';

/** Every network, by the reference's class name: the only list. */
const factories: Readonly<Record<string, NetworkFactory>> = {
  SegResNetDS: segResNet,
  SwinUNETR: swinUnetr,
  DiNTS: dintsNetwork,
  PlainConvUNet: plainConvUNet,
  ResidualEncoderUNet: residualEncoderUNet,
};

/** A search for a network's architecture. */
export interface ArchitectureSearcher {
  search(options: ArchitectureSearchOptions): Promise<FoundArchitecture>;
  /** Names a search by all that its result depends on beside the cases. */
  hash(plan: Plan): string;
}

const searchers: Readonly<Record<string, ArchitectureSearcher>> = {
  DiNTS: { search: searchArchitecture, hash: searchHash },
};

/** Who searches the architecture that a plan asks for; throws `invalid-request` where its network has nothing to search. */
export function architectureSearcherOf(plan: Plan): ArchitectureSearcher {
  const searcher = Object.hasOwn(searchers, plan.network.class) ? searchers[plan.network.class] : undefined;
  if (searcher !== undefined) return searcher;
  throw new VoxhelmError('invalid-request', `${plan.network.class} has no architecture that could be searched`, {
    fix: `Leave architectureSearch out, or use one of: ${Object.keys(searchers).join(', ')}.`,
    details: { field: 'architectureSearch' },
  });
}

/**
 * The network that `plan.network` names. Throws `invalid-request` for a class that does not exist or an option that the
 * class does not take.
 */
export function networkOf(config: {
  readonly class: string;
  readonly options: Readonly<Record<string, unknown>>;
}): Network {
  const factory = Object.hasOwn(factories, config.class) ? factories[config.class] : undefined;
  if (factory === undefined) {
    throw new VoxhelmError('invalid-request', `there is no network class "${config.class}"`, {
      fix: `Use one of: ${Object.keys(factories).join(', ')}.`,
      details: { field: 'network.class' },
    });
  }
  return factory({ ...config.options });
}
