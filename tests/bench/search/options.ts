import { parseArgs } from 'node:util';
import { SAMPLERS, type SamplerName } from '@voxhelm/search/samplers/pick';
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
      anchor: { type: 'string' },
      'anchor-sampler': { type: 'string', default: 'tpe' },
    },
  });
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
    seeds: positive('seeds', values.seeds),
    trials: positive('trials', values.trials),
    parallel: positive('parallel', values.parallel),
    sampler: values.sampler as SamplerName,
    anchor: values.anchor ?? null,
    anchorSampler,
  };
}
