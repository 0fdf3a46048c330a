import { parseArgs } from 'node:util';
import { SAMPLERS, type SamplerName } from '@voxhelm/search/samplers/pick';

/** What `npm run bench -- search` is told. */
export interface SearchBenchOptions {
  /** A module with `space` and `objective` of its own; null: the functions of functions.ts. */
  readonly objective: string | null;
  readonly functions: readonly string[] | null;
  readonly seeds: number;
  readonly trials: number;
  readonly parallel: number;
  readonly sampler: SamplerName;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} takes a whole number >= 1, not "${text}"`);
  return value;
}

/** Reads the command line; throws naming what is wrong. */
export function readOptions(args: readonly string[]): SearchBenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      objective: { type: 'string' },
      functions: { type: 'string' },
      seeds: { type: 'string', default: '30' },
      trials: { type: 'string', default: '60' },
      parallel: { type: 'string', default: '1' },
      sampler: { type: 'string', default: 'auto' },
    },
  });
  if (!Object.hasOwn(SAMPLERS, values.sampler)) {
    throw new Error(`--sampler takes one of ${Object.keys(SAMPLERS).join(', ')}, not "${values.sampler}"`);
  }
  return {
    objective: values.objective ?? null,
    functions: values.functions?.split(',') ?? null,
    seeds: positive('seeds', values.seeds),
    trials: positive('trials', values.trials),
    parallel: positive('parallel', values.parallel),
    sampler: values.sampler as SamplerName,
  };
}
