import { expectedConfigurations, type Fidelity, rungsFor } from '@voxhelm/search/fidelity/schedule';
import { shapedLike } from '@voxhelm/search/points';
import type { SamplerName } from '@voxhelm/search/samplers/pick';
import { hp, type SearchSpace } from '@voxhelm/search/space';
import { nextTrial, report, type Study, type StudySettings, shouldStop, start, tell } from '@voxhelm/search/study';
import { type BenchFunction, FUNCTIONS, mixcond } from './functions.ts';
import { tableLosses } from './tables/table.ts';

/* Searches over learning curves within a fixed number of epochs. */

/** Something that is trained epoch by epoch. */
export interface CurveProblem {
  readonly space: SearchSpace;
  readonly epochs: number;
  /** All that a search may spend. */
  readonly totalEpochs: number;
  /** Lowest loss that there is. */
  readonly optimum: number;
  /** The loss after an epoch (from 1) at a point in the space's shape. */
  lossAt(point: Record<string, unknown>, epoch: number): number;
  /** What the curve tends to. */
  limitOf(point: Record<string, unknown>): number;
}

/** Over mixcond, deceptive on purpose: a low learning rate looks bad early. */
function simulated(): CurveProblem {
  const fn = FUNCTIONS['mixcond'] as BenchFunction;
  return {
    space: fn.space(hp),
    epochs: 27,
    totalEpochs: 540,
    optimum: fn.optimum,
    lossAt(point, epoch) {
      const final = mixcond(point);
      const tau = 3 + 4 * Math.max(0, -2 - Math.log10(Number(point['lr'])));
      return final + (0.9 - final) * Math.exp(-epoch / tau) * (1 + 0.1 * Math.sin(7 * epoch + 1e4 * final));
    },
    limitOf: mixcond,
  };
}

/** Over the table of real trainings: ten validations each, as many as 20 whole trainings have. */
function tabulated(): CurveProblem {
  const fn = FUNCTIONS['tables'] as BenchFunction;
  return {
    space: fn.space(hp),
    epochs: 10,
    totalEpochs: 200,
    optimum: fn.optimum,
    lossAt: (point, epoch) => tableLosses(point)[epoch - 1] ?? Number.NaN,
    limitOf: fn.objective,
  };
}

/** By the name of the benchmark's function. */
export const CURVE_PROBLEMS: Readonly<Record<string, () => CurveProblem>> = {
  curves: simulated,
  'table-curves': tabulated,
};

/** Configurations begun for each whole training's worth of epochs, where trials may be stopped. */
const BEGUN_PER_WHOLE = 2;

/** How unpromising trials are kept short. */
export const CURVE_METHODS = ['none', 'median', 'percentile', 'curve', 'asha', 'hyperband'] as const;
export type CurveMethod = (typeof CURVE_METHODS)[number];

function settingsOf(sampler: SamplerName, method: CurveMethod, problem: CurveProblem): StudySettings {
  const wholes = problem.totalEpochs / problem.epochs;
  if (method !== 'asha' && method !== 'hyperband') {
    return { sampler, direction: 'minimize', trials: Math.round(wholes * BEGUN_PER_WHOLE), pruner: method };
  }
  const fidelity: Fidelity = { kind: method, rungs: rungsFor(problem.epochs), totalSteps: problem.totalEpochs };
  const trials = expectedConfigurations(fidelity) ?? wholes;
  return { sampler, direction: 'minimize', trials, pruner: method, fidelity };
}

/** What a search within the epochs came to. */
export interface CurveRun {
  /** By the value at the last epoch, and by what the curve tends to, of the best trial that trained to the end. */
  readonly regret: number;
  readonly limitRegret: number;
  readonly configurations: number;
}

/** Spends the epochs one by one. A trial that is not finished when they end does not count. */
export function runCurves(problem: CurveProblem, sampler: SamplerName, method: CurveMethod, seed: number): CurveRun {
  const { space, epochs, totalEpochs, optimum } = problem;
  const settings = settingsOf(sampler, method, problem);
  let study: Study = { schemaVersion: 1, space, settings, seed, firstPoints: [], trials: [] };
  const finished: { reported: number; limit: number }[] = [];
  let left = totalEpochs;
  for (let number = 0; left > 0; number++) {
    const next = nextTrial(study, number);
    if (next === null) break;
    const steps = next.steps ?? epochs;
    study = start(study, number, next.point, steps, next.continues);
    const shaped = shapedLike(space, next.point);
    let epoch = next.continues === null ? 0 : (study.trials[next.continues]?.steps ?? 0);
    let stopped = false;
    while (epoch < steps && left > 0 && !stopped) {
      epoch += 1;
      left -= 1;
      study = report(study, number, epoch, problem.lossAt(shaped, epoch));
      stopped = epoch < steps && shouldStop(study, number, epoch).stop;
    }
    if (epoch < steps && !stopped) break;
    study = tell(study, number, stopped ? 'pruned' : 'completed', problem.lossAt(shaped, epoch));
    if (epoch === epochs) finished.push({ reported: problem.lossAt(shaped, epochs), limit: problem.limitOf(shaped) });
  }
  return {
    regret: Math.min(...finished.map(({ reported }) => reported)) - optimum,
    limitRegret: Math.min(...finished.map(({ limit }) => limit)) - optimum,
    configurations: study.trials.filter(({ continues }) => continues === undefined).length,
  };
}
