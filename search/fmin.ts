import type { Point } from '@voxhelm/contracts/trial';
import { shapedLike } from './points.ts';
import type { SamplerName } from './samplers/pick.ts';
import type { SearchSpace } from './space.ts';
import { ask, type Study, type StudyTrial } from './study.ts';

/*
 * Our samplers as an `algo` for the `fmin` of the npm package `hyperparameters`: await fmin(objective, space, algorithmFor('gp'), 60).
 * Only its loop is used then; points, random numbers and models are ours.
 */

/** A trial document of the package, as far as it is read here. `args` is the point in the space's shape. */
interface TrialDocument {
  readonly id: number;
  /** 0 new, 1 running, 2 done, 3 error. */
  readonly state: number;
  readonly args: object;
  readonly result?: { readonly status?: string; readonly loss?: number; readonly accuracy?: number };
}

/** What of the package's `Trials` an `algo` uses. */
export interface PackageTrials {
  /** All trials, those that threw included. */
  readonly dynamicTrials: readonly TrialDocument[];
  newTrialDocs(ids: readonly number[], results: readonly unknown[], args: readonly object[]): unknown[];
}

/** What the package calls to get new trials. */
export type PackageAlgorithm = (
  ids: readonly number[],
  domain: { readonly expr: unknown },
  trials: PackageTrials,
  seed: number,
) => unknown[];

/** The package draws a new seed for each call; a study has one: that of its first. */
const seeds = new WeakMap<PackageTrials, number>();
/** The points behind the objects that objectives are handed. */
const points = new WeakMap<object, Point>();

function studyTrial({ id, state, args, result }: TrialDocument): StudyTrial | null {
  const point = points.get(args);
  if (point === undefined) return null;
  const base = { number: id, point, steps: 1, reports: [] };
  if (state < 2) return { ...base, state: 'running', value: null };
  if (state === 3 || result?.status === 'fail') return { ...base, state: 'failed', value: null };
  const value = result?.loss ?? (result?.accuracy === undefined ? Number.NaN : -result.accuracy);
  return Number.isFinite(value) ? { ...base, state: 'completed', value } : { ...base, state: 'diverged', value: null };
}

/** An `algo` that asks a sampler; `trials`: how many are planned. The space has to be a group. */
export function algorithmFor(sampler: SamplerName, options: { readonly trials?: number } = {}): PackageAlgorithm {
  return (ids, { expr }, trials, seed) => {
    const studySeed = seeds.get(trials) ?? seed;
    seeds.set(trials, studySeed);
    const space = expr as SearchSpace;
    let known = trials.dynamicTrials.map(studyTrial).filter((trial): trial is StudyTrial => trial !== null);
    const shaped = ids.map((id) => {
      const study: Study = {
        schemaVersion: 1,
        space,
        settings: {
          sampler,
          pruner: 'none',
          direction: 'minimize',
          ...(options.trials === undefined ? {} : { trials: options.trials }),
        },
        seed: studySeed,
        firstPoints: [],
        trials: known,
      };
      const point = ask(study, id);
      known = [...known, { number: id, point, steps: 1, state: 'running', value: null, reports: [] }];
      const args = shapedLike(space, point);
      points.set(args, point);
      return args;
    });
    const results = ids.map(() => ({ status: 'new' }));
    return trials.newTrialDocs(ids, results, shaped);
  };
}
