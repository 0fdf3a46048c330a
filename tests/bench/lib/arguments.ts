import { VoxhelmError } from '@voxhelm/contracts/errors';

/** "48x48x48" as three numbers. Throws `invalid-request` where it is none. */
export function patchOf(text: string): readonly [number, number, number] {
  const sides = text.split(/[x,]/).map(Number);
  if (sides.length !== 3 || sides.some((side) => !Number.isInteger(side) || side < 1)) {
    throw new VoxhelmError('invalid-request', `--patch ${text} is no patch size`, { fix: 'Write it as 48x48x48.' });
  }
  return sides as unknown as readonly [number, number, number];
}

/** The given ones of some names, or all of them. Throws `invalid-request` for another. */
export function chosen<T extends string>(option: string, given: string | undefined, names: readonly T[]): readonly T[] {
  return given === undefined ? names : given.split(',').map((each) => oneOf(option, each, names));
}

/** The given one of some names. Throws `invalid-request` for another. */
export function oneOf<T extends string>(option: string, given: string, names: readonly T[]): T {
  const name = names.find((candidate) => candidate === given);
  if (name === undefined) {
    throw new VoxhelmError('invalid-request', `--${option} ${given} is not known`, {
      fix: `Use one of: ${names.join(', ')}.`,
    });
  }
  return name;
}

/** A whole number of `least` or more. Throws `invalid-request` where it is none. */
export function countOf(option: string, given: string, least = 1): number {
  const count = Number(given);
  if (!Number.isInteger(count) || count < least) {
    throw new VoxhelmError('invalid-request', `--${option} ${given} is no whole number of ${least} or more`);
  }
  return count;
}

/** Minutes above 0, parts of one too. Throws `invalid-request` where it is none. */
export function minutesOf(option: string, given: string): number {
  const minutes = Number(given);
  if (!Number.isFinite(minutes) || minutes <= 0) {
    throw new VoxhelmError('invalid-request', `--${option} ${given} is no time in minutes`, {
      fix: 'Write a number above 0, for example 20 or 1.5.',
    });
  }
  return minutes;
}
