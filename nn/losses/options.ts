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
    // Targets always come as class indices, so that one-hot is what `to_onehot_y: true` asks for.
    if (option === 'to_onehot_y' && value === true) continue;
    if (!known.includes(option)) {
      throw new VoxhelmError('invalid-request', `${loss} has no option ${option}=${JSON.stringify(value)}`, {
        fix: `Use its options ${known.join(', ')}.`,
        details: { option, value },
      });
    }
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
