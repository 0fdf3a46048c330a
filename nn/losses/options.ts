import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Scalar, Tensor, Tensor5D } from '../engine.ts';

/**
 * A loss of logits [batch, x, y, z, class] against class indices, int32 [batch, x, y, z]. Differentiable by the logits.
 * `valid`, [batch, 1, voxel] of 0 and 1: voxels of 0 are left out as if they were not there (overlap.ts makes it); their
 * class indices are beyond the classes. Absent or null: all count.
 */
export type Loss = (logits: Tensor5D, classes: Tensor, valid?: Tensor | null) => Scalar;

/** Options of a loss by MONAI's names. */
export type LossOptions = Readonly<Record<string, unknown>>;

/** Refuses options that a loss does not have, naming the first; a wrong option would otherwise change nothing, silently. */
export function checkOptions(loss: string, options: LossOptions, known: readonly string[]): void {
  for (const [option, value] of Object.entries(options)) {
    if (option === 'to_onehot_y') booleanOption(options, option, true);
    // A function cannot be named here; null is MONAI's default.
    else if (option === 'other_act' && value === null) continue;
    else if (!known.includes(option)) {
      throw new VoxhelmError('invalid-request', `${loss} has no option ${option}=${JSON.stringify(value)}`, {
        fix: `Use its options ${known.join(', ')}.`,
        details: { option, value },
      });
    }
  }
}

/**
 * Targets always come as class indices, which `to_onehot_y: false` forbids: MONAI refuses them then, but for a single output
 * channel, where the indices 0 and 1 are the target itself.
 */
export function checkTarget(options: LossOptions, channels: number): void {
  if (options['to_onehot_y'] === false && channels > 1) {
    throw wrongType('to_onehot_y', false, `true: the targets are class indices, and there are ${channels} classes`);
  }
}

function wrongType(option: string, value: unknown, wanted: string): VoxhelmError {
  return new VoxhelmError('invalid-request', `the loss option ${option} is ${JSON.stringify(value)}, not ${wanted}`, {
    details: { option, value },
  });
}

/** A number option or its standard value. */
export function numberOption(options: LossOptions, option: string, standard: number): number {
  const value = options[option] ?? standard;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw wrongType(option, value, 'a number');
  return value;
}

/** A number option from 0, or its standard value. */
export function weightOption(options: LossOptions, option: string, standard: number): number {
  const value = numberOption(options, option, standard);
  if (value < 0) throw wrongType(option, value, 'a number from 0');
  return value;
}

/** An option of one number for all classes or a list with one for each, from 0; null where it is absent or null. */
export function numbersOption(options: LossOptions, option: string): number | readonly number[] | null {
  const value = options[option] ?? null;
  const fits = (each: unknown): each is number => typeof each === 'number' && Number.isFinite(each) && each >= 0;
  if (value === null || fits(value)) return value;
  if (Array.isArray(value) && value.length > 0 && value.every(fits)) return value;
  throw wrongType(option, value, 'a number from 0, or a list with one for each class');
}

/** A list of {@link numbersOption} for so many classes; throws `invalid-request` where it has another length. */
export function forClasses(option: string, values: readonly number[], classes: number): readonly number[] {
  if (values.length === classes) return values;
  throw wrongType(option, values, `a list of ${classes} numbers, one for each class that counts`);
}

/** A whole number, or null where the option is absent or null. */
export function indexOption(options: LossOptions, option: string): number | null {
  const value = options[option] ?? null;
  if (value === null || Number.isInteger(value)) return value as number | null;
  throw wrongType(option, value, 'a whole number or null');
}

/** A yes-or-no option or its standard value. */
export function booleanOption(options: LossOptions, option: string, standard: boolean): boolean {
  const value = options[option] ?? standard;
  if (typeof value !== 'boolean') throw wrongType(option, value, 'true or false');
  return value;
}

/** An option of named choices or its standard value. */
export function choiceOption<T extends string>(options: LossOptions, option: string, choices: readonly [T, ...T[]]): T {
  const value = options[option] ?? choices[0];
  if (!choices.includes(value as T)) throw wrongType(option, value, `one of ${choices.join(', ')}`);
  return value as T;
}
