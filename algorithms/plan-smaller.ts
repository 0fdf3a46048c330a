import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';

/** The patches that are on the device at once when a batch is halved, or cut evenly where it is odd: its next divisor. */
function fewerAtOnce(batchSize: number): number {
  let parts = 2;
  while (batchSize % parts !== 0) parts += 1;
  return batchSize / parts;
}

/**
 * A plan for a device that ran out of memory, made smaller `times` times: each time fewer patches are on the device at once,
 * in as many more micro-batches. A step still averages over the same patches, so the training stays what it was, to rounding,
 * and goes on from its checkpoints. Throws `out-of-memory` where nothing is left to take away.
 */
export function planSmaller(plan: Plan, times: number): Plan {
  let smaller = plan;
  for (let time = 0; time < times; time++) {
    const { batchSize, training } = smaller;
    if (batchSize === 1) {
      throw new VoxhelmError(
        'out-of-memory',
        `a single patch of ${plan.patchSize.join(' x ')} is too much for the device`,
        {
          fix: 'Give a smaller "patchSize" in the plan, or use a device with more memory.',
          details: { smallest: true },
        },
      );
    }
    const atOnce = fewerAtOnce(batchSize);
    const reason = `${atOnce} of ${plan.batchSize} patches at once: the device ran out of memory`;
    smaller = {
      ...smaller,
      batchSize: atOnce,
      training: { ...training, accumulate: training.accumulate * (batchSize / atOnce) },
      reasons: { ...smaller.reasons, batchSize: reason, 'training.accumulate': reason },
    };
  }
  return smaller;
}
