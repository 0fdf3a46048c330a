import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { SmallerWhy } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import { volume } from './axes.ts';
import { type PatchGrid, smallerPatch } from './patch-grid.ts';
import { isGiven } from './plan-overrides.ts';

/*
 * Plans for devices with too little memory. First fewer patches are on the device at once, in as many more micro-batches: a
 * step still averages over the same patches, so the training stays what it was, to rounding (but where a loss sums over a batch,
 * as DiNTS's Dice does). Then, while it is planned, blocks are computed again for the gradient. Then the patch shrinks, unless the user gave it.
 */

/** Voxels that a patch keeps, at most, each time that the device ran out of memory with a single one. */
const KEPT_VOXELS = 2 / 3;

/** The patches that are on the device at once when a batch is halved, or cut evenly where it is odd: its next divisor. */
function fewerAtOnce(batchSize: number): number {
  let parts = 2;
  while (batchSize % parts !== 0) parts += 1;
  return batchSize / parts;
}

function withFewerAtOnce(plan: Plan): Plan {
  const { batchSize, training } = plan;
  const atOnce = fewerAtOnce(batchSize);
  const accumulate = training.accumulate * (batchSize / atOnce);
  return { ...plan, batchSize: atOnce, training: { ...training, accumulate } };
}

/** The next smaller plan, its reasons as they were; null where nothing is left to take away. */
export function nextSmaller(plan: Plan, grid: PatchGrid): Plan | null {
  if (plan.batchSize > 1) return withFewerAtOnce(plan);
  const patchSize = isGiven(plan, 'patchSize') ? null : smallerPatch(plan, grid);
  return patchSize === null ? null : { ...plan, patchSize };
}

/** The plan that keeps nothing of its blocks' inside for the gradient; null where it does so, or the user says otherwise. */
export function recomputing(plan: Plan): Plan | null {
  const { training } = plan;
  if (training.recompute !== 'none' || isGiven(plan, 'training.recompute')) return null;
  return { ...plan, training: { ...training, recompute: 'blocks' } };
}

/** A smaller plan with the reason of each value in which it differs from the plan that it was made of. */
export function explained(plan: Plan, smaller: Plan, why: string): Plan {
  const reasons = { ...smaller.reasons };
  if (smaller.batchSize !== plan.batchSize) {
    const told = `${smaller.batchSize} of ${plan.batchSize * plan.training.accumulate} patches at once: ${why}`;
    reasons['batchSize'] = told;
    reasons['training.accumulate'] = told;
  }
  if (smaller.training.recompute !== plan.training.recompute) {
    reasons['training.recompute'] = `blocks are computed again for the gradient, in about a fifth more time: ${why}`;
  }
  if (volume(smaller.patchSize) !== volume(plan.patchSize)) {
    reasons['patchSize'] = `in place of ${plan.patchSize.join(' x ')}: ${why}`;
  }
  return { ...smaller, reasons };
}

/** What of a plan lies on the device at once, for people: "2 patches of 48 x 48 x 48". */
export function shownAtOnce({ patchSize, batchSize }: Pick<Plan, 'patchSize' | 'batchSize'>): string {
  return `${batchSize} patch${batchSize === 1 ? '' : 'es'} of ${patchSize.join(' x ')}`;
}

/** Why a plan is made smaller, as its values and the trainer's log tell it, and before what they were larger. */
export const SMALLER_BECAUSE: Readonly<Record<SmallerWhy, readonly [why: string, before: string]>> = {
  memory: ['the device ran out of memory', 'the device ran out of memory'],
  killed: ['its process was killed, perhaps for lack of memory', 'its process was killed'],
};

/**
 * A plan for a device that ran out of memory, made smaller `times` times. It goes on from the checkpoints of the plan that it
 * was made of (`plannedPatchSize`). Throws `out-of-memory` where nothing is left to take away.
 */
export function planSmaller(plan: Plan, grid: PatchGrid, times: number, why: SmallerWhy = 'memory'): Plan {
  let smaller = plan;
  for (let time = 0; time < times; time++) {
    const before = smaller;
    let next = nextSmaller(before, grid);
    if (next === null) throw tooLarge(before);
    // A single step of the grid may be far less than what is missing.
    while (next.batchSize === before.batchSize && volume(next.patchSize) > KEPT_VOXELS * volume(before.patchSize)) {
      const further = nextSmaller(next, grid);
      if (further === null) break;
      next = further;
    }
    smaller = next;
  }
  if (smaller === plan) return plan;
  const [because, event] = SMALLER_BECAUSE[why];
  const told = explained(plan, smaller, because);
  if (volume(smaller.patchSize) === volume(plan.patchSize)) return told;
  return {
    ...told,
    plannedPatchSize: plan.plannedPatchSize ?? plan.patchSize,
    reasons: { ...told.reasons, plannedPatchSize: `what was planned before ${event}` },
  };
}

/** A plan as small as another of its kind came to be on a device that ran out of memory: the winner's, for a further fold. */
export function asSmallAs(plan: Plan, trained: Plan): Plan {
  const same = plan.batchSize * plan.training.accumulate === trained.batchSize * trained.training.accumulate;
  if (!same || plan.batchSize * volume(plan.patchSize) <= trained.batchSize * volume(trained.patchSize)) return plan;
  const { batchSize, patchSize, plannedPatchSize } = trained;
  const training = { ...plan.training, accumulate: trained.training.accumulate };
  const paths = ['batchSize', 'patchSize', 'plannedPatchSize', 'training.accumulate'];
  const reasons = Object.entries(trained.reasons).filter(([path]) => paths.includes(path));
  return {
    ...{ ...plan, batchSize, patchSize, training },
    ...(plannedPatchSize === undefined ? {} : { plannedPatchSize }),
    reasons: { ...plan.reasons, ...Object.fromEntries(reasons) },
  };
}

function tooLarge(plan: Plan): VoxhelmError {
  const given = isGiven(plan, 'patchSize') ? ', and it is given by the user' : '';
  return new VoxhelmError(
    'out-of-memory',
    `a single patch of ${plan.patchSize.join(' x ')} is too much for the device${given}`,
    {
      fix: 'Give a smaller "patchSize" in the plan, or use a device with more memory.',
      details: { smallest: true },
    },
  );
}
