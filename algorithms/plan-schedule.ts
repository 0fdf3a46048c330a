import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan, StopEarly } from '@voxhelm/contracts/plan';
import { mirrorIfLong } from './mirroring.ts';
import { isGiven, type Reasoned } from './plan-overrides.ts';

/*
 * How long a training is and how often it validates: Auto3DSeg's epochs turned to steps.
 */

/** Auto3DSeg warms up for 3 epochs; never more than a tenth of a short training. */
export const WARMUP_EPOCHS = 3;
const WARMUP_SHARE = 0.1;
/** Validations of a training of full length: enough for the pruner and for the best checkpoint. */
export const VALIDATIONS = 20;

/**
 * Whether flat curves end a training: those of a plan's own length, which is meant for any dataset (Auto3DSeg ends a flat
 * curve after half of the epochs). Never one whose steps the user gave or a budget cut.
 */
export function stopEarlyRule(givenSteps: number | undefined): Reasoned<StopEarly | null> {
  if (givenSteps !== undefined) return { value: null, reason: 'the steps are given by the user: all are done' };
  return {
    value: { fromShare: 0.5, validations: VALIDATIONS / 2, leastGain: 0.001 },
    reason: 'Auto3DSeg: a flat curve ends the second half; here by its slope, and only where no budget cuts the steps',
  };
}

/** SegResNet's epochs in Auto3DSeg, turned to steps: clip(80000 / cases, 300, 1250) epochs, divided by up to 3 patches a case. */
export function stepsRule(trainingCases: number, batchSize: number): Reasoned<number> {
  const epochs = Math.min(1250, Math.max(300, Math.ceil(80_000 / trainingCases)));
  const stepsPerEpoch = trainingCases / Math.min(3, batchSize);
  const reason = `Auto3DSeg: 80000 / ${trainingCases} cases, between 300 and 1250: ${epochs} epochs at batch ${batchSize}`;
  return { value: Math.max(1, Math.ceil(epochs * stepsPerEpoch)), reason };
}

/** Steps over which the learning rate rises: 3 epochs, at most a tenth of the training. */
export function warmupRule(steps: number, trainingCases: number, batchSize: number): number {
  const epoch = trainingCases / Math.min(3, batchSize);
  return Math.min(Math.ceil(WARMUP_EPOCHS * epoch), Math.floor(WARMUP_SHARE * steps));
}

/** The plan with other steps. A warm-up shrinks with the training; validations keep their number unless the user fixed them. */
export function withSteps(plan: Plan, steps: number, validateEverySteps?: number): Plan {
  if (!Number.isInteger(steps) || steps < 1) {
    throw new VoxhelmError('invalid-request', `${steps} steps are no training`, { details: { field: 'plan.steps' } });
  }
  const { training, reasons } = plan;
  const keep = isGiven(plan, 'training.validateEverySteps');
  const validate = keep
    ? training.validateEverySteps
    : (validateEverySteps ?? Math.max(1, Math.ceil(steps / VALIDATIONS)));
  const givenWarmup = isGiven(plan, 'training.warmupSteps');
  const mostWarmup = givenWarmup ? steps - 1 : Math.floor(WARMUP_SHARE * steps);
  const warmupSteps = Math.min(training.warmupSteps, mostWarmup);
  const stops = training.stopEarly !== null && (steps >= training.steps || isGiven(plan, 'training.stopEarly'));
  const changed = {
    ...plan,
    training: {
      ...training,
      steps,
      warmupSteps,
      validateEverySteps: validate,
      stopEarly: stops ? training.stopEarly : null,
    },
    reasons: {
      ...reasons,
      ...(stops === (training.stopEarly !== null)
        ? {}
        : { 'training.stopEarly': 'a training that a budget cut uses all of its time' }),
      ...(steps === training.steps
        ? {}
        : { 'training.steps': `${steps} of ${training.steps} planned steps: what the budget allows` }),
      ...(warmupSteps === training.warmupSteps || givenWarmup
        ? {}
        : { 'training.warmupSteps': 'at most a tenth of the steps' }),
      ...(validate === training.validateEverySteps
        ? {}
        : { 'training.validateEverySteps': 'validations take a small share of the time' }),
    },
  };
  // A plan of the length that it was made for (or edited to) is left as it is.
  return steps === training.steps ? changed : mirrorIfLong(changed, steps);
}
