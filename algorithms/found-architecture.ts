import type { FoundArchitecture, Plan } from '@voxhelm/contracts/plan';
import { isGiven } from './plan-overrides.ts';

/** The plan without a search ahead of its training. */
export function withoutSearch(plan: Plan): Plan {
  const { architectureSearch: _, ...rest } = plan;
  const reasons = Object.entries(plan.reasons).filter(([path]) => !path.startsWith('architectureSearch.'));
  return { ...rest, reasons: Object.fromEntries(reasons) };
}

/**
 * The plan as its search samples and steps: the search's own batch, each a step; no more than the training has at once, unless the
 * user gave it, for a training that was made smaller for its device's memory has a search that does not fit either.
 */
export function searchingPlan(plan: Plan): Plan {
  const own = plan.architectureSearch?.batchSize ?? plan.batchSize;
  const batchSize = isGiven(plan, 'architectureSearch.batchSize') ? own : Math.min(own, plan.batchSize);
  return { ...plan, batchSize, training: { ...plan.training, accumulate: 1 } };
}

/** The plan as it is trained after its search: the found architecture in its network's options, with the reason. */
export function withArchitecture(plan: Plan, found: FoundArchitecture): Plan {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const budget = plan.architectureSearch?.memoryBudget;
  const reason = `found by the architecture search: ${found.steps} steps, memory budget ${percent(budget ?? 1)} of all cells with all operations; the probabilities expect ${percent(found.expectedMemoryShare)}, and ${percent(found.memoryShare)} of the cells are kept (by memory, with their chosen operations)`;
  const rest = withoutSearch(plan);
  return {
    ...rest,
    network: { ...rest.network, options: { ...rest.network.options, ...found.options } },
    reasons: {
      ...rest.reasons,
      ...Object.fromEntries(Object.keys(found.options).map((option) => [`network.options.${option}`, reason])),
    },
  };
}
