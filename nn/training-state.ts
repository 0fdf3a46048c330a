import type { Plan } from '@voxhelm/contracts/plan';
import { optimizerOf, slotNames } from './optimizers/optimizer.ts';
import type { Batch } from './training-engine.ts';

/*
 * What both engines make of a plan.
 */

/** Names of the groups of a plan's state. */
export function stateGroups({ training }: Pick<Plan, 'training'>): readonly string[] {
  return ['weights', ...slotNames(optimizerOf(training)), ...(training.ema === null ? [] : ['ema'])];
}

/** The micro-batches of a step's batch, one after the other (views). `count`: how many. */
export function microBatches({ image, classes }: Batch, count: number): Batch[] {
  const [values, voxels] = [image.length / count, classes.length / count];
  return Array.from({ length: count }, (_, i) => ({
    image: image.subarray(i * values, (i + 1) * values),
    classes: classes.subarray(i * voxels, (i + 1) * voxels),
  }));
}
