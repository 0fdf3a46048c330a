import type { FoundArchitecture, Plan } from '@voxhelm/contracts/plan';

/** The plan without a search ahead of its training. */
export function withoutSearch(plan: Plan): Plan {
  const { architectureSearch: _, ...rest } = plan;
  const reasons = Object.entries(plan.reasons).filter(([path]) => !path.startsWith('architectureSearch.'));
  return { ...rest, reasons: Object.fromEntries(reasons) };
}

/** The plan as its search samples and steps: the search's own batch, each a step. */
export function searchingPlan(plan: Plan): Plan {
  const batchSize = plan.architectureSearch?.batchSize ?? plan.batchSize;
  return { ...plan, batchSize, training: { ...plan.training, accumulate: 1 } };
}

/** The plan as it is trained after its search: the found architecture in its network's options, with the reason. */
export function withArchitecture(plan: Plan, found: FoundArchitecture): Plan {
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const budget = plan.architectureSearch?.memoryBudget;
  const reason = `found by the architecture search: ${found.steps} steps, memory budget ${percent(budget ?? 1)}, expected ${percent(found.expectedMemoryShare)}, found ${percent(found.memoryShare)} of all cells`;
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
