/*
 * How long a search for an architecture, ahead of a training, may take of a run's time. Pure.
 */

/** What a search costs on a trainer (milliseconds), as its probe measured it. */
export interface ArchitectureSearchCost {
  /** Compiling and loading the supernet. */
  readonly openMs: number;
  /** A step that moves weights alone, and one that moves the choices as well. */
  readonly warmupStepMs: number;
  readonly stepMs: number;
}

/** How long a search is. */
export interface ArchitectureSearchLength {
  readonly steps: number;
  /** The first of them, which move weights alone. */
  readonly warmupSteps: number;
}

/** A search takes at most this share of its algorithm's part of the time. */
const SEARCH_SHARE = 0.2;
/** A shorter search would decide by chance. */
export const SMALLEST_SEARCH_STEPS = 24;

/** The search with another number of steps; the warm-up keeps its share. */
export function withSearchSteps<L extends ArchitectureSearchLength>(length: L, steps: number): L {
  return {
    ...length,
    steps,
    warmupSteps: Math.min(steps - 1, Math.round((length.warmupSteps * steps) / length.steps)),
  };
}

/** Estimated time of a search (milliseconds). */
export function architectureSearchMs(
  cost: ArchitectureSearchCost,
  { steps, warmupSteps }: ArchitectureSearchLength,
): number {
  return cost.openMs + warmupSteps * cost.warmupStepMs + (steps - warmupSteps) * cost.stepMs;
}

/**
 * Steps of a search that fit into a share of one algorithm's part of the time: at most the planned ones, at least
 * {@link SMALLEST_SEARCH_STEPS} of them. `leftMs`: of the run; null: no budget, all planned steps.
 */
export function fittedSearchSteps(
  cost: ArchitectureSearchCost,
  planned: ArchitectureSearchLength,
  leftMs: number | null,
  algorithms: number,
): number {
  if (leftMs === null) return planned.steps;
  const availableMs = (SEARCH_SHARE * leftMs) / algorithms;
  const perStepMs = (architectureSearchMs(cost, planned) - cost.openMs) / planned.steps;
  const fitting = Math.floor((availableMs - cost.openMs) / perStepMs);
  return Math.min(planned.steps, Math.max(SMALLEST_SEARCH_STEPS, fitting));
}
