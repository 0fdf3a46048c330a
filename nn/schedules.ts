/*
 * Learning rates by step, as factors of the plan's rate. Pure, so that a resumed training goes on with the same numbers.
 */

/** Where the warm-up starts, as a factor of the full rate (Auto3DSeg's warm-up multiplier). */
const WARMUP_START = 0.1;

/**
 * Linear from 0.1 to 1 over the warm-up steps, then half a cosine down to 0 at `steps`.
 * `step` counts from 0. MONAI's WarmupCosineSchedule; numbers in automl.md 3.2.
 */
export function warmupCosine(step: number, warmupSteps: number, steps: number): number {
  if (step < warmupSteps) return WARMUP_START + (1 - WARMUP_START) * (step / warmupSteps);
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  return 0.5 * (1 + Math.cos(Math.PI * Math.min(1, progress)));
}

/** (1 - step / steps)^power: nnU-Net's schedule with power 0.9. */
export function polynomial(step: number, steps: number, power: number): number {
  return (1 - Math.min(1, step / steps)) ** power;
}
