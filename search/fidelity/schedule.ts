import type { Point } from '@voxhelm/contracts/trial';
import type { Direction } from '../losses.ts';
import { uniformByKeys } from '../random.ts';
import type { StudyTrial } from '../study.ts';
import { type Chain, chainsOf, forecastOf, isOpen, priorOf } from './chains.ts';

/*
 * Asynchronous successive halving (Li et al. 2020) and Hyperband's brackets (Li et al. 2018) over training steps. A
 * configuration starts on a low rung; the best of a rung go on from their checkpoints, whenever a trainer is free. They are
 * compared by what their curves are expected to come to, with the benefit of their doubt: slow starters are not punished.
 */

/** How long configurations train at first, and how long at most. */
export interface Fidelity {
  readonly kind: 'asha' | 'hyperband';
  /** Ascending; the last is a whole training. */
  readonly rungs: readonly number[];
  /** Steps that all trials together may take; null: no limit. Nothing new is begun that could not be finished. */
  readonly totalSteps: number | null;
}

/** Whether a search of this pruner goes over rungs: it has a number of steps to spend and not of trials. */
export function isOverRungs(pruner: string): pruner is Fidelity['kind'] {
  return pruner === 'asha' || pruner === 'hyperband';
}

/** Steps of a whole training as studies of runs count them, whatever steps each algorithm's own takes. */
export const WHOLE = 1000;
/** Configurations that are begun for each whole training's worth of steps, as the benchmark's searches came to. */
const BEGUN_PER_WHOLE = { asha: 1.4, hyperband: 1.2 };

/** The fidelity of a run's study that may spend as many whole trainings' steps. */
export function fidelityFor(kind: Fidelity['kind'], wholeTrainings: number): Fidelity {
  return { kind, rungs: rungsFor(WHOLE), totalSteps: wholeTrainings * WHOLE };
}

/** Configurations that a study of this fidelity is expected to begin; null where its steps have no limit. */
export function expectedConfigurations({ kind, rungs, totalSteps }: Fidelity): number | null {
  return totalSteps === null ? null : Math.ceil((BEGUN_PER_WHOLE[kind] * totalSteps) / (rungs.at(-1) as number));
}

/** What comes next: a new configuration, or one that goes on; null: the steps are spent. */
export type NextStep =
  | { readonly kind: 'new'; readonly steps: number }
  | { readonly kind: 'promote'; readonly from: StudyTrial; readonly steps: number }
  | null;

/**
 * Of a rung's configurations one in so many goes on, and no rung is shorter than this share of a whole training: a Dice that
 * is still near 0 says nothing of its end. On the benchmark's curves the usual 3 and a tenth came to 0.051, these to 0.047.
 */
export const REDUCTION = 2;
const SHORTEST_SHARE = 0.25;
/** Whole trainings that every algorithm gets, whatever its first curves look like. */
const WHOLE_PER_BRANCH = 1;
/** The last share of all steps is for finishing the best of what was begun. */
const FINISHING_SHARE = 0.3;
/** Standard deviations of doubt that count in a configuration's favour. */
const BENEFIT = 0.5;

/** Rungs for whole trainings of `steps`: each half of the next, none below a quarter. */
export function rungsFor(steps: number): number[] {
  const rungs = [steps];
  while ((rungs[0] as number) / REDUCTION >= Math.max(1, SHORTEST_SHARE * steps)) {
    rungs.unshift(Math.round((rungs[0] as number) / REDUCTION));
  }
  return rungs;
}

/** Steps that trials took or are to take: a promoted trial only those beyond the one that it continues. */
export function stepsSpent(trials: readonly StudyTrial[]): number {
  const byNumber = new Map(trials.map((trial) => [trial.number, trial]));
  return trials.reduce((sum, trial) => {
    if (trial.state === 'failed' || trial.state === 'cancelled') return sum;
    const last = isOpen(trial) || trial.state === 'completed' ? trial.steps : (trial.reports.at(-1)?.[0] ?? 0);
    const before = trial.continues === undefined ? 0 : (byNumber.get(trial.continues)?.steps ?? 0);
    return sum + Math.max(0, last - before);
  }, 0);
}

interface Candidate {
  readonly chain: Chain;
  readonly last: StudyTrial;
  /** What it is expected to come to, with the benefit of the doubt. */
  readonly hope: number;
}

/**
 * What trial `number` should be: a pure function of the trials. `branchOf` names a point's algorithm.
 */
export function nextStep(
  fidelity: Fidelity,
  trials: readonly StudyTrial[],
  number: number,
  seed: number,
  direction: Direction,
  branchOf: (point: Readonly<Point>) => string,
): NextStep {
  const { rungs, totalSteps } = fidelity;
  const full = rungs.at(-1) as number;
  const left = totalSteps === null ? Number.POSITIVE_INFINITY : totalSteps - stepsSpent(trials);
  const chains = chainsOf(trials, direction);
  const prior = priorOf(chains, full);
  const waiting: Candidate[] =
    prior === null
      ? []
      : chains.flatMap((chain) => {
          const last = [...chain.trials].reverse().find(({ state }) => state === 'completed');
          if (chain.state !== 'completed' || last === undefined || chain.loss === null || chain.steps >= full)
            return [];
          const { loss, sd } = forecastOf(chain, full, prior);
          return [{ chain, last, hope: loss - BENEFIT * sd }];
        });
  waiting.sort((a, b) => a.hope - b.hope);
  const finishing = totalSteps !== null && left <= FINISHING_SHARE * totalSteps;
  if (finishing) return finish(waiting, full, left) ?? begin(fidelity, number, seed, left);
  return (
    promoteBranches(chains, waiting, full, branchOf, left) ??
    promoteRungs(chains, waiting, rungs, left) ??
    begin(fidelity, number, seed, left)
  );
}

function promotion({ last }: Candidate, steps: number, left: number): NextStep {
  return steps - last.steps <= left ? { kind: 'promote', from: last, steps } : null;
}

/** Towards the end: the best that can still be finished, whole. */
function finish(waiting: readonly Candidate[], full: number, left: number): NextStep {
  const possible = waiting.find(({ last }) => full - last.steps <= left);
  return possible === undefined ? null : promotion(possible, full, left);
}

/** The best of each algorithm that has no whole training under way yet, once a rung of it can be compared. */
function promoteBranches(
  chains: readonly Chain[],
  waiting: readonly Candidate[],
  full: number,
  branchOf: (point: Readonly<Point>) => string,
  left: number,
): NextStep {
  const whole = new Map<string, number>();
  for (const { point, trials } of chains) {
    if (trials.some(({ steps, state }) => steps >= full && (isOpen({ state }) || state === 'completed'))) {
      whole.set(branchOf(point), (whole.get(branchOf(point)) ?? 0) + 1);
    }
  }
  const begun = (branch: string) => chains.filter(({ point }) => branchOf(point) === branch).length;
  const found = waiting.find(({ chain }) => {
    const branch = branchOf(chain.point);
    return (whole.get(branch) ?? 0) < WHOLE_PER_BRANCH && begun(branch) >= REDUCTION;
  });
  return found === undefined ? null : promotion(found, full, left);
}

/** From the highest rung down: one that is among the best half of those that reached the rung and has not gone on. */
function promoteRungs(
  chains: readonly Chain[],
  waiting: readonly Candidate[],
  rungs: readonly number[],
  left: number,
): NextStep {
  for (let rung = rungs.length - 2; rung >= 0; rung--) {
    const steps = rungs[rung] as number;
    const reached = chains.filter((chain) =>
      chain.trials.some((trial) => trial.steps === steps && trial.state === 'completed'),
    );
    const gone = reached.filter((chain) => chain.trials.some((trial) => trial.steps > steps));
    const allowed = Math.floor(reached.length / REDUCTION) - gone.length;
    if (allowed <= 0) continue;
    const best = waiting.find(({ last }) => last.steps === steps);
    const next = best === undefined ? null : promotion(best, rungs[rung + 1] as number, left);
    if (next !== null) return next;
  }
  return null;
}

/** A new configuration on the rung of its bracket, where it could still be finished. */
function begin({ kind, rungs }: Fidelity, number: number, seed: number, left: number): NextStep {
  const full = rungs.at(-1) as number;
  if (left < full) return null;
  if (kind === 'asha') return { kind: 'new', steps: rungs[0] as number };
  // Brackets share the steps alike: those that start higher have fewer configurations.
  const weights = rungs.map((steps) => 1 / steps);
  let draw = uniformByKeys(seed, number, 'bracket') * weights.reduce((a, b) => a + b, 0);
  const bracket = weights.findIndex((weight) => {
    draw -= weight;
    return draw < 0;
  });
  return { kind: 'new', steps: rungs[Math.max(0, bracket)] as number };
}
