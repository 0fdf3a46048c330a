import type { Plan } from '@voxhelm/contracts/plan';
import { isGiven } from './plan-overrides.ts';

/**
 * Patches that a training must see before mirroring them pays. Auto3DSeg and nnU-Net mirror every axis at random, in
 * trainings of 30,000 (24 cases x 1,250 epochs) and 500,000 patches; a short training has no time to learn an anatomy
 * and its mirror images. Measured on the sample's 24 cases, 400 steps of 2 patches, 24 other cases: Dice 0.819 with
 * mirroring, 0.868 without (docs/algorithms.md).
 */
const MIRROR_FROM_PATCHES = 30_000;

/** True for what shows an anatomy as it never lies: mirrored, or on its side. */
function turns({ name }: Plan['augmentation'][number]): boolean {
  return name === 'flip' || name === 'RandFlipd' || name === 'RandRotate90d';
}

/** The plan without random mirroring and quarter turns where a training of so many steps is too short for it; a user's own list stays. */
export function mirrorIfLong(plan: Plan, steps: number): Plan {
  const patches = steps * plan.training.accumulate * plan.batchSize;
  const mirrors = plan.augmentation.some(turns);
  if (!mirrors || patches >= MIRROR_FROM_PATCHES || isGiven(plan, 'augmentation')) return plan;
  const why = `no mirroring: ${patches} patches are too few to learn mirror images as well (from ${MIRROR_FROM_PATCHES} on)`;
  return {
    ...plan,
    augmentation: plan.augmentation.filter((one) => !turns(one)),
    reasons: { ...plan.reasons, augmentation: `${plan.reasons['augmentation']}; ${why}` },
  };
}
