import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ArchitectureSearch, Plan } from '@voxhelm/contracts/plan';
import { withSearchSteps } from '@voxhelm/search/architecture-search-time';
import { because, type PlanEntries } from '../plan-of.ts';
import { GIVEN, isGiven } from '../plan-overrides.ts';
import type { PlanInput } from '../planner.ts';

/*
 * The plan of the search for an architecture, ahead of the training, by Auto3DSeg's rules.
 */

/** Auto3DSeg's search: 1000 epochs, half of them warm-up, at a width of half the network's. */
const GPU_SEARCH: ArchitectureSearch = {
  steps: 4000,
  warmupSteps: 2000,
  memoryBudget: 0.8,
  channelMultiplier: 0.5,
  learningRate: 0.025,
  architectureLearningRate: 1e-3,
  checkpointEverySteps: 100,
  seed: 0,
};
/** A step that moves a choice further than this decides by its first batches. */
const MOST_ARCHITECTURE_RATE = 0.3;
/** A search of about a minute on two cores: choices move a hundred times as far a step, in as many fewer steps. */
const CPU_SEARCH: ArchitectureSearch = {
  ...GPU_SEARCH,
  steps: 80,
  warmupSteps: 30,
  memoryBudget: 0.5,
  channelMultiplier: 0.125,
  batchSize: 1,
  architectureLearningRate: 0.1,
  checkpointEverySteps: 20,
};
const SEARCH_REASONS: Readonly<Record<keyof Required<ArchitectureSearch>, string>> = {
  steps: 'Auto3DSeg searches for 1000 epochs; on a CPU what a minute allows',
  warmupSteps: 'Auto3DSeg: half of the search; on a CPU a little less',
  memoryBudget: 'Auto3DSeg: 0.8; on a CPU 0.5, where memory is time',
  channelMultiplier: "Auto3DSeg: half of the trained network's width",
  batchSize: 'as the training; on a CPU one patch, whose supernet opens and steps twice as fast',
  learningRate: 'Auto3DSeg',
  architectureLearningRate: 'Auto3DSeg: 0.001; more on a CPU, whose search has fewer steps to go as far',
  checkpointEverySteps: 'a minute of work may be lost with a trainer',
  seed: 'Auto3DSeg: 0, so that trials with the same settings share one search',
};

/** True where a search is as long as Auto3DSeg's: long enough to be made for several memory budgets. */
export function isWholeSearch({ steps }: ArchitectureSearch): boolean {
  return steps >= GPU_SEARCH.steps;
}

/**
 * A search that goes as far as the planned one, in other steps: the warm-up keeps its share, and the choices move further in each
 * step where there are fewer, less far where there are more. What the user gave is kept.
 */
function inSteps(
  planned: ArchitectureSearch,
  steps: number,
  given: Readonly<Partial<ArchitectureSearch>>,
): ArchitectureSearch {
  const fitted = { ...withSearchSteps(planned, steps), ...given };
  const warmupSteps = Math.min(fitted.warmupSteps, steps - 1);
  const further = (planned.steps - planned.warmupSteps) / (steps - warmupSteps);
  const rate = Math.min(MOST_ARCHITECTURE_RATE, planned.architectureLearningRate * further);
  return { ...fitted, steps, warmupSteps, architectureLearningRate: given.architectureLearningRate ?? rate };
}

/** Reasons of what a search in other steps has changed. */
function changedReasons(planned: ArchitectureSearch, search: ArchitectureSearch, because: string): [string, string][] {
  const changed = Object.entries(search).filter(([key, value]) => value !== planned[key as keyof ArchitectureSearch]);
  return changed.map(([key]) => [`architectureSearch.${key}`, because]);
}

/**
 * The search ahead of the training, each value with its reason; nothing where the request wants none. Steps that are given take
 * the rule's warm-up and choices' rate with them. Throws `invalid-request` where a given warm-up leaves no step to choose in.
 */
export function searchEntries({ device, overrides }: PlanInput, batchSize: number): PlanEntries {
  const own = overrides.architectureSearch;
  if (own === null) return {};
  const standard = { batchSize, ...(device.kind === 'cpu' ? CPU_SEARCH : GPU_SEARCH) };
  const given: Partial<ArchitectureSearch> = Object.fromEntries(
    Object.entries(own ?? {}).filter(([, value]) => value !== undefined),
  );
  const { steps = standard.steps, warmupSteps = 0 } = given;
  if (warmupSteps >= steps) {
    throw new VoxhelmError(
      'invalid-request',
      `an architecture search of ${steps} steps that warms up for ${warmupSteps} chooses nothing`,
      {
        fix: 'Give plan.architectureSearch fewer warmupSteps than steps.',
        details: { field: 'plan.architectureSearch.warmupSteps' },
      },
    );
  }
  const search = given.steps === undefined ? { ...standard, ...given } : inSteps(standard, steps, given);
  const followed = `as in ${standard.steps} steps, for the ${steps} given by the user`;
  const reasonOf = (key: keyof ArchitectureSearch): string => {
    if (given[key] !== undefined) return GIVEN;
    return search[key] === standard[key] ? SEARCH_REASONS[key] : followed;
  };
  return Object.fromEntries(
    Object.entries(search).map(([key, value]) => [
      `architectureSearch.${key}`,
      because(value, reasonOf(key as keyof ArchitectureSearch)),
    ]),
  );
}

/** As far as the planned search goes, in the steps that its share of a budget allows. Steps that the user gave stay. */
export function withArchitectureSteps(plan: Plan, steps: number): Plan {
  const planned = plan.architectureSearch;
  if (planned === undefined || steps === planned.steps || isGiven(plan, 'architectureSearch.steps')) return plan;
  const given = Object.entries(planned).filter(([key]) => isGiven(plan, `architectureSearch.${key}`));
  const search = inSteps(planned, steps, Object.fromEntries(given));
  const because = `${steps} of ${planned.steps} planned steps: what its share of the budget allows`;
  const reasons = Object.fromEntries(changedReasons(planned, search, because));
  return { ...plan, architectureSearch: search, reasons: { ...plan.reasons, ...reasons } };
}
