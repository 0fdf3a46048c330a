import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Triple } from '../axes.ts';
import { divisorFor } from './geometry.ts';

function numbers(value: unknown): number[] | null {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'number' && each > 0)
    ? value
    : null;
}

/** What a plan's patch must be a multiple of. Throws `invalid-request` where the options say no levels. */
export function divisorOfOptions(options: Readonly<Record<string, unknown>>): { divisor: Triple; levels: number } {
  const blocks = numbers(options['blocks_down']);
  const resolution = options['resolution'] === undefined ? null : numbers(options['resolution']);
  if (blocks === null || (resolution === null && options['resolution'] !== undefined)) {
    const field = blocks === null ? 'blocks_down' : 'resolution';
    throw new VoxhelmError('invalid-request', `plan.network.${field} is no list of positive numbers`, {
      fix: 'For example {"blocks_down": [1, 2, 2, 4]}.',
      details: { field: `plan.network.${field}` },
    });
  }
  return { divisor: divisorFor(blocks.length, resolution), levels: blocks.length };
}
