import { rungsFor } from '@voxhelm/search/fidelity/schedule';
import { shapedLike } from '@voxhelm/search/points';
import type { SamplerName } from '@voxhelm/search/samplers/pick';
import { hp, type SearchSpace } from '@voxhelm/search/space';
import { nextTrial, report, type Study, shouldStop, start, tell } from '@voxhelm/search/study';
import { FUNCTIONS, mixcond } from './functions.ts';

/* Learning curves over mixcond, deceptive on purpose: a low learning rate looks bad early. */

const EPOCHS = 27;
const TOTAL_EPOCHS = 540;
/** Configurations that the samplers are told to expect. */
const EXPECTED_TRIALS = 40;

/** How unpromising trials are kept short. */
export const CURVE_METHODS = ['none', 'median', 'curve', 'asha', 'hyperband'] as const;
export type CurveMethod = (typeof CURVE_METHODS)[number];

/** The simulated loss after `epoch` epochs. */
function curveAt(point: Record<string, unknown>, epoch: number): number {
  const final = mixcond(point);
  const tau = 3 + 4 * Math.max(0, -2 - Math.log10(Number(point['lr'])));
  return final + (0.9 - final) * Math.exp(-epoch / tau) * (1 + 0.1 * Math.sin(7 * epoch + 1e4 * final));
}

function settingsOf(sampler: SamplerName, method: CurveMethod): Study['settings'] {
  const common = { sampler, direction: 'minimize', trials: EXPECTED_TRIALS } as const;
  if (method !== 'asha' && method !== 'hyperband') return { ...common, pruner: method };
  const fidelity = { kind: method, rungs: rungsFor(EPOCHS), totalSteps: TOTAL_EPOCHS };
  return { ...common, pruner: 'none', fidelity };
}

/** What a search within 540 epochs came to. */
export interface CurveRun {
  /** By the value at the last epoch, and by what the curve tends to, of the best trial that trained all 27. */
  readonly regret: number;
  readonly limitRegret: number;
  readonly configurations: number;
}

/** Spends 540 epochs one by one. A trial that is not finished when they end does not count. */
export function runCurves(sampler: SamplerName, method: CurveMethod, seed: number): CurveRun {
  const fn = FUNCTIONS['mixcond'];
  const space = fn?.space(hp) as SearchSpace;
  const optimum = fn?.optimum ?? 0;
  let study: Study = {
    schemaVersion: 1,
    space,
    settings: settingsOf(sampler, method),
    seed,
    firstPoints: [],
    trials: [],
  };
  const finished: { reported: number; limit: number }[] = [];
  let left = TOTAL_EPOCHS;
  for (let number = 0; left > 0; number++) {
    const next = nextTrial(study, number);
    if (next === null) break;
    const steps = next.steps ?? EPOCHS;
    study = start(study, number, next.point, steps, next.continues);
    const shaped = shapedLike(space, next.point);
    let epoch = next.continues === null ? 0 : (study.trials[next.continues]?.steps ?? 0);
    let stopped = false;
    while (epoch < steps && left > 0 && !stopped) {
      epoch += 1;
      left -= 1;
      study = report(study, number, epoch, curveAt(shaped, epoch));
      stopped = epoch < steps && shouldStop(study, number, epoch).stop;
    }
    if (epoch < steps && !stopped) break;
    study = tell(study, number, stopped ? 'pruned' : 'completed', curveAt(shaped, epoch));
    if (epoch === EPOCHS) finished.push({ reported: curveAt(shaped, EPOCHS), limit: mixcond(shaped) });
  }
  return {
    regret: Math.min(...finished.map(({ reported }) => reported)) - optimum,
    limitRegret: Math.min(...finished.map(({ limit }) => limit)) - optimum,
    configurations: study.trials.filter(({ continues }) => continues === undefined).length,
  };
}
