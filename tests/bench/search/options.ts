import { SAMPLERS, type SamplerName } from '@voxhelm/search/samplers/pick';
import { countOf } from '../lib/arguments.ts';
import { type BenchOptions, readOptions as readBenchOptions } from '../lib/options.ts';
import type { AnchorSampler } from './anchor.ts';

/** What `npm run bench -- search` is told. */
export interface SearchBenchOptions {
  /** A module with `space` and `objective` of its own; null: the functions of functions.ts. */
  readonly objective: string | null;
  readonly functions: readonly string[] | null;
  readonly seeds: number;
  readonly trials: number;
  readonly parallel: number;
  readonly sampler: SamplerName;
  /** A Python with Optuna, which is run beside ours; null: none. */
  readonly anchor: string | null;
  readonly anchorSampler: AnchorSampler;
}

/** See {@link BenchOptions}. */
export const OPTIONS = {
  objective: {
    value: 'FILE.mjs',
    about: 'a module that exports space(hp) and objective(point); absent: the functions',
  },
  functions: {
    value: 'LIST',
    about: 'names of search/functions.ts, noisy, failing, curves, tables, table-curves; absent: all',
  },
  seeds: { value: 'N', about: 'searches of each function', default: '30' },
  trials: { value: 'N', about: 'of each search', default: '60' },
  parallel: { value: 'N', about: 'trials at once', default: '1' },
  sampler: { value: 'NAME', about: 'which sampler proposes', default: 'auto' },
  anchor: { value: 'PYTHON', about: 'a Python with Optuna, which searches beside ours; absent: none' },
  'anchor-sampler': { value: 'tpe|gp', about: "Optuna's", default: 'tpe' },
} as const satisfies BenchOptions;

/** Reads the command line; throws naming what is wrong. */
export function readOptions(args: readonly string[]): SearchBenchOptions {
  const values = readBenchOptions(args, OPTIONS);
  if (!Object.hasOwn(SAMPLERS, values.sampler)) {
    throw new Error(`--sampler takes one of ${Object.keys(SAMPLERS).join(', ')}, not "${values.sampler}"`);
  }
  const anchorSampler = values['anchor-sampler'];
  if (anchorSampler !== 'tpe' && anchorSampler !== 'gp') {
    throw new Error(`--anchor-sampler takes tpe or gp, not "${anchorSampler}"`);
  }
  return {
    objective: values.objective ?? null,
    functions: values.functions?.split(',') ?? null,
    seeds: countOf('seeds', values.seeds),
    trials: countOf('trials', values.trials),
    parallel: countOf('parallel', values.parallel),
    sampler: values.sampler as SamplerName,
    anchor: values.anchor ?? null,
    anchorSampler,
  };
}
