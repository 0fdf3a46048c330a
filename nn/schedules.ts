import type { Plan } from '@voxhelm/contracts/plan';

/*
 * Learning rates by step, as factors of the plan's rate. Pure, so that a resumed training goes on with the same numbers.
 */

/** Where the warm-up starts, as a factor of the full rate (Auto3DSeg's warm-up multiplier). */
const WARMUP_START = 0.1;

/** The power of nnU-Net's schedule. */
const POLYNOMIAL_POWER = 0.9;

/** Factor of the plan's learning rate at a step (from 0): the warm-up, then the plan's schedule. */
export function learningRateFactor(
  { schedule, steps, warmupSteps }: Pick<Plan['training'], 'schedule' | 'steps' | 'warmupSteps'>,
  step: number,
): number {
  if (step < warmupSteps) return warmup(step, warmupSteps);
  const [done, all] = [step - warmupSteps, Math.max(1, steps - warmupSteps)];
  return schedule === 'cosine' ? cosine(done, all) : polynomial(done, all, POLYNOMIAL_POWER);
}

/** Linear from 0.1 to 1 over the warm-up steps. */
function warmup(step: number, warmupSteps: number): number {
  return WARMUP_START + (1 - WARMUP_START) * (step / warmupSteps);
}

/** Half a cosine from 1 down to 0 at `steps`. With the warm-up MONAI's WarmupCosineSchedule; numbers in automl.md 3.2. */
export function cosine(step: number, steps: number): number {
  return 0.5 * (1 + Math.cos(Math.PI * Math.min(1, step / steps)));
}

/** (1 - step / steps)^power: nnU-Net's schedule with power 0.9. */
export function polynomial(step: number, steps: number, power: number): number {
  return (1 - Math.min(1, step / steps)) ** power;
}
