import { isExpression } from '@voxhelm/search/language';
import { shapedLike } from '@voxhelm/search/points';
import type { SearchSpace } from '@voxhelm/search/space';
import { ask, type Study, start, tell } from '@voxhelm/search/study';
import type { SearchBenchOptions } from './options.ts';

/** What is minimised; may throw or give no number. `number` is the trial's. */
export type Objective = (point: unknown, number: number) => unknown;

/** One study from its first trial to its last. */
export interface StudyRun {
  /** By trial: its value, or null where it failed or gave no finite number. */
  readonly values: readonly (number | null)[];
  /** By trial: the point in the space's shape. */
  readonly points: readonly unknown[];
  readonly askMs: readonly number[];
  /** Processor time of each ask, which other processes on the machine do not lengthen as they do the clock's. */
  readonly askCpuMs: readonly number[];
}

/** Only a space that is one bare expression needs a name for it. */
export const ROOT = 'value';

/**
 * Minimises over one study, `parallel` trials at a time: so many are asked for, run at once, and told in the order of
 * their numbers, which makes the result independent of how long each takes.
 */
export async function runStudy(
  given: unknown,
  objective: Objective,
  seed: number,
  { trials, parallel, sampler }: Pick<SearchBenchOptions, 'trials' | 'parallel' | 'sampler'>,
): Promise<StudyRun> {
  const bare = isExpression(given);
  const space = (bare ? { [ROOT]: given } : given) as SearchSpace;
  let study: Study = {
    schemaVersion: 1,
    space,
    settings: { sampler, pruner: 'none', direction: 'minimize', trials },
    seed,
    firstPoints: [],
    trials: [],
  };
  const values: (number | null)[] = [];
  const points: unknown[] = [];
  const askMs: number[] = [];
  const askCpuMs: number[] = [];
  for (let first = 0; first < trials; first += parallel) {
    const numbers = Array.from({ length: Math.min(parallel, trials - first) }, (_, i) => first + i);
    for (const number of numbers) {
      const started = performance.now();
      const before = process.cpuUsage();
      const point = ask(study, number);
      const { user, system } = process.cpuUsage(before);
      askMs.push(performance.now() - started);
      askCpuMs.push((user + system) / 1000);
      study = start(study, number, point, 1);
      const shaped = shapedLike(space, point);
      points.push(bare ? shaped[ROOT] : shaped);
    }
    const outcomes = await Promise.all(numbers.map((number) => attempt(objective, points[number], number)));
    numbers.forEach((number, i) => {
      const { state, value } = outcomes[i] as Outcome;
      values.push(value);
      study = tell(study, number, state, value);
    });
  }
  return { values, points, askMs, askCpuMs };
}

/** How one evaluation ended. */
export interface Outcome {
  readonly state: 'completed' | 'diverged' | 'failed';
  readonly value: number | null;
}

/** What throws has failed; what gives no finite number has diverged. */
export async function attempt(objective: Objective, point: unknown, number: number): Promise<Outcome> {
  try {
    const value = await objective(structuredClone(point), number);
    if (typeof value === 'number' && Number.isFinite(value)) return { state: 'completed', value };
    return { state: 'diverged', value: null };
  } catch {
    return { state: 'failed', value: null };
  }
}

/** The lowest value of the first `count` trials; null where there is none. */
export function bestOf(values: readonly (number | null)[], count: number): number | null {
  const finite = values.slice(0, count).filter((value): value is number => value !== null);
  return finite.length === 0 ? null : Math.min(...finite);
}

/** The value below which a share of the sorted list lies, interpolated (as numpy's default). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)] as number;
  const high = sorted[Math.ceil(at)] as number;
  return low + (high - low) * (at - Math.floor(at));
}

/** Rounds for printing: 4 significant digits. */
export function shown(value: number): number {
  return Number(value.toPrecision(4));
}
