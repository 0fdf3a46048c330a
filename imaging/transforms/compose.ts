import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Transform } from '@voxhelm/contracts/transforms';
import { seededRandom } from '../random.ts';
import { decide, type Operation, patchOf } from './decide.ts';
import { applyIntensity, type IntensityOperation, undoIntensity } from './intensity-operation.ts';
import { applyGrid, type Grid, type GridOperation, gridOfOperation, type Sample, undoGrid } from './sample.ts';
import { checkSize } from './size-limit.ts';

/*
 * Lists of transforms as one: run with a seed, undone by what they recorded.
 */

/** One operation that was done, with the grid that it was done on: plain JSON, enough to do it again and to undo it. */
export interface AppliedOperation {
  readonly name: Transform['name'];
  readonly operation: Operation;
  readonly before: Grid;
}

/** A sample after transforms, and what they did. */
export interface TransformedSample extends Sample {
  readonly applied: readonly AppliedOperation[];
}

/**
 * Runs transforms one after the other: a pure function of (transforms, sample, keys), the given arrays stay as they are.
 * Each place of the list draws from a stream of its own. Throws `invalid-request` where one needs a label that is missing or
 * would make more voxels than an image can have, `bad-image` where one finds nothing to work on.
 */
export function runTransforms(
  transforms: readonly Transform[],
  sample: Sample,
  ...keys: readonly (number | string)[]
): TransformedSample {
  let current = sample;
  const applied: AppliedOperation[] = [];
  for (const [index, transform] of transforms.entries()) {
    const operations = decide(seededRandom(...keys, 'transform', index), transform, current);
    for (const operation of operations) {
      const { shape, affine } = current.image;
      checkSize(transform.name, operation, current.image);
      applied.push({ name: transform.name, operation, before: { shape, affine } });
      current = applyOperation(operation, current);
    }
  }
  return { ...current, applied };
}

/** One operation done to a sample, which stays as it is. */
export function applyOperation(operation: Operation, sample: Sample): Sample {
  if (isGrid(operation)) return applyGrid(operation, sample);
  const copy = { ...sample, image: { ...sample.image, data: sample.image.data.slice() } };
  applyIntensity(operation, patchOf(copy));
  return copy;
}

/** The grid that a sample lies on after what was applied; null where nothing was, and it is not known. */
export function gridAfter(applied: readonly AppliedOperation[]): Grid | null {
  const last = applied.at(-1);
  if (last === undefined) return null;
  return isGrid(last.operation) ? gridOfOperation(last.operation, last.before) : last.before;
}

/** What to do with operations that have no inverse: refuse, or leave what they did. */
export interface UndoOptions {
  /** Intensities are left as they are: for a prediction, which only moved with the image. */
  readonly gridOnly?: boolean;
}

/**
 * Undoes what was applied, newest first, on the transformed sample or on a prediction that lies on its grid. Throws
 * `invalid-request` naming the first transform that has no inverse.
 */
export function undoTransforms(
  applied: readonly AppliedOperation[],
  sample: Sample,
  { gridOnly = false }: UndoOptions = {},
): Sample {
  let current = sample;
  for (const { name, operation, before } of [...applied].reverse()) {
    if (!isGrid(operation) && gridOnly) continue;
    const undone = undoOperation(operation, before, current);
    if (undone === null) {
      throw new VoxhelmError('invalid-request', `${name} cannot be undone`, {
        fix: 'Leave it out, or keep the image from before it.',
        details: { name },
      });
    }
    current = undone;
  }
  return current;
}

function undoOperation(operation: Operation, before: Grid, sample: Sample): Sample | null {
  if (isGrid(operation)) return undoGrid(operation, before, sample);
  const copy = { ...sample, image: { ...sample.image, data: sample.image.data.slice() } };
  return undoIntensity(operation, patchOf(copy)) ? copy : null;
}

const GRID_KINDS: readonly string[] = ['rearrange', 'box', 'resample', 'warp'] satisfies GridOperation['kind'][];

function isGrid(operation: GridOperation | IntensityOperation): operation is GridOperation {
  return GRID_KINDS.includes(operation.kind);
}
