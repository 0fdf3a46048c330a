import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { FoundArchitecture, Plan } from '@voxhelm/contracts/plan';
import {
  type ArchitectureSearchOptions,
  type OpenSearchEngine,
  openSearchEngine,
  searchArchitecture,
} from './dints/network-search.ts';
import { searchHash } from './dints/network-search-checkpoint.ts';

/** A search for a network's architecture. */
export interface ArchitectureSearcher {
  search(options: ArchitectureSearchOptions): Promise<FoundArchitecture>;
  /** Opens what computes it, in this thread. */
  readonly openEngine: OpenSearchEngine;
  /** Names a search by all that its result depends on beside the cases. */
  hash(plan: Plan): string;
}

const searchers: Readonly<Record<string, ArchitectureSearcher>> = {
  DiNTS: { search: searchArchitecture, openEngine: openSearchEngine, hash: searchHash },
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
