import type { Allocation } from './budget.ts';
import { shownMs } from './smallest-budget.ts';
import { marginMsOf, SMALLEST_STEPS, searchSlotMs } from './spending.ts';
import { type Probe, stepsWithin, trainingMs, validationCases, validationInterval } from './training-time.ts';

/*
 * How long the training that is about to begin may be, from the time that is left and the pace of those that ended. Pure.
 */

/**
 * Share of one training kept free for the last one, beside the margin: nothing after it can make good what it runs over. A
 * training that would still run over ends at a validation before the budget does (nn/trainer.ts).
 */
const LAST_TRAINING_SLACK = 0.1;

/** A training that ended, for the next one's estimate. */
export interface FinishedTraining {
  readonly algorithm: string;
  /** Steps that it did. */
  readonly steps: number;
  /** From being handed to a trainer to its result. */
  readonly wallMs: number;
}

/** What {@link stepsForNextTrial} is decided from. */
export interface NextTrialInput {
  readonly kind: 'search' | 'fold';
  readonly algorithm: { readonly name: string; readonly probe: Probe; readonly planSteps: number };
  readonly allocation: Allocation;
  /** Until the budget's end; null: no budget. */
  readonly remainingMs: number | null;
  /** Trainings that have not begun, this one included. */
  readonly trainingsLeft: { readonly search: number; readonly folds: number };
  readonly parallel: number;
  readonly trainingCases: number;
  readonly steps: number | null;
  readonly finished: readonly FinishedTraining[];
}

/** The next trial's length; `steps` null: leave it out, no useful training fits any more. */
export interface NextTrial {
  readonly steps: number | null;
  readonly validateEverySteps: number;
  readonly reason: string;
}

/** How much slower (or faster) trainings were than their estimate: all together, or the last where that was slower still. */
function slowdown({ finished, algorithm, trainingCases, allocation }: NextTrialInput): number {
  const own = finished.filter((training) => training.algorithm === algorithm.name && training.steps > 0);
  const cases = validationCases(trainingCases, allocation.splits);
  const ratio = (trainings: readonly FinishedTraining[]): number => {
    // The first of its algorithm searched the architecture that the others took over.
    const searchedMs = trainings[0] === own[0] ? (algorithm.probe.searchMs ?? 0) : 0;
    const estimatedMs = trainings.reduce(
      (sum, { steps }) => sum + trainingMs(algorithm.probe, steps, cases),
      searchedMs,
    );
    return trainings.length === 0 ? 1 : trainings.reduce((sum, { wallMs }) => sum + wallMs, 0) / estimatedMs;
  };
  return Math.min(10, Math.max(0.5, ratio(own), ratio(own.slice(-1))));
}

/**
 * Whether a search training of so many steps still fits beside the folds that follow, at the pace of finished ones. For
 * searches whose trainings have fixed lengths (rungs): these are not cut to the time, they end when it is spent.
 */
export function searchTrainingFits(input: NextTrialInput, steps: number): boolean {
  const { allocation, algorithm, remainingMs, trainingsLeft, parallel } = input;
  if (remainingMs === null) return true;
  const cases = validationCases(input.trainingCases, allocation.splits);
  const factor = slowdown(input);
  const marginMs = marginMsOf(remainingMs);
  const foldMs = trainingMs(algorithm.probe, input.steps ?? Math.min(allocation.foldSteps, algorithm.planSteps), cases);
  const foldsMs = Math.ceil(trainingsLeft.folds / parallel) * foldMs * factor;
  const searchMs = remainingMs - (allocation.ensembleReserveMs ?? 0) - marginMs - foldsMs;
  return trainingMs(algorithm.probe, steps, cases) * factor <= searchMs;
}

/** Steps of the next training in a slot at its pace; a search for an architecture, where one comes first, is part of it. */
function stepsInSlot(input: NextTrialInput, slotMs: number, cases: number, most: number): number {
  const { name, probe } = input.algorithm;
  const { searchMs } = probe;
  if (input.kind !== 'search' || searchMs === undefined) return stepsWithin(probe, slotMs, cases, most);
  const isSearched = input.finished.some(({ algorithm }) => algorithm === name);
  const isAlone = Object.keys(input.allocation.searchStepsByAlgorithm ?? {}).length === 1;
  const ownMs = searchSlotMs(probe, slotMs, isAlone) - (isSearched ? 0 : searchMs);
  const fitting = stepsWithin(probe, ownMs, cases, most);
  // A trial that an architecture's search leaves little of must not end the run's own search: others come after it.
  return slotMs >= 2 * searchMs ? Math.max(Math.min(SMALLEST_STEPS, most), fitting) : fitting;
}

/**
 * Steps of the trial that is about to begin, from the time that is left and the times of finished ones, so that a machine
 * that got slower still ends inside the budget. Search trials keep the allocation's steps while they fit, to be
 * comparable; folds take spare time up to the plan's own steps.
 */
export function stepsForNextTrial(input: NextTrialInput): NextTrial {
  const { allocation, algorithm, remainingMs, trainingsLeft } = input;
  const cases = validationCases(input.trainingCases, allocation.splits);
  const search = allocation.searchStepsByAlgorithm?.[algorithm.name] ?? allocation.searchSteps;
  const planned = input.kind === 'search' ? search : allocation.foldSteps;
  const every = (steps: number) => validationInterval(algorithm.probe, steps, cases);
  if (input.steps !== null) {
    return { steps: input.steps, validateEverySteps: every(input.steps), reason: 'given by the user' };
  }
  if (remainingMs === null) {
    return {
      steps: algorithm.planSteps,
      validateEverySteps: every(algorithm.planSteps),
      reason: "the plan's own steps",
    };
  }
  // A look takes as long as it was given, unless it would leave nothing for the folds.
  const searches = allocation.looks === true ? Math.min(1, trainingsLeft.search) : trainingsLeft.search;
  const wavesLeft = Math.ceil(searches / input.parallel) + Math.ceil(trainingsLeft.folds / input.parallel);
  // The margin shrinks with the time left: late in the run less can still go wrong.
  const marginMs = marginMsOf(remainingMs);
  const slotMs =
    (remainingMs - (allocation.ensembleReserveMs ?? 0) - marginMs) / (Math.max(1, wavesLeft) + LAST_TRAINING_SLACK);
  const factor = slowdown(input);
  const most = input.kind === 'search' ? Math.min(planned, algorithm.planSteps) : algorithm.planSteps;
  const steps = stepsInSlot(input, slotMs / factor, cases, most);
  const least = Math.min(SMALLEST_STEPS, algorithm.planSteps);
  if (steps < least) {
    const reason = `${shownMs(Math.max(0, slotMs))} are left for it: too little for ${least} steps`;
    return { steps: null, validateEverySteps: 1, reason };
  }
  const pace = input.finished.length === 0 ? 'as probed' : `at ${factor.toFixed(2)} times the probed time`;
  return { steps, validateEverySteps: every(steps), reason: `${shownMs(slotMs)} for this training, ${pace}` };
}
