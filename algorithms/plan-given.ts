import type { Plan } from '@voxhelm/contracts/plan';
import type { PlanOverrides } from '@voxhelm/contracts/run';
import { GIVEN } from './plan-overrides.ts';
import type { PlanInput } from './planner.ts';

/*
 * The request's own values of a training, the same for every algorithm (loss and augmentation: given-choices.ts).
 */

/** Values that stand in `plan.training` under the request's own names. */
const TRAINING_KEYS = [
  'precision',
  'optimizer',
  'schedule',
  'momentum',
  'weightDecay',
  'ema',
  'accumulate',
  'recompute',
  'augmentOn',
  'warmupSteps',
  'gradientClipNorm',
  'freeze',
  'stopEarly',
] as const satisfies readonly (keyof PlanOverrides & keyof Plan['training'])[];

/** Learning rates that go with an optimiser which a rule did not choose: nnU-Net's, and Auto3DSeg's (on a CPU ours). */
function rateOf(optimizer: Plan['training']['optimizer'], onCpu: boolean): { value: number; reason: string } {
  if (optimizer === 'sgd-nesterov') return { value: 0.01, reason: 'nnU-Net, for the given SGD' };
  return onCpu
    ? { value: 1e-3, reason: 'short trainings on a CPU, for the given AdamW' }
    : { value: 2e-4, reason: 'Auto3DSeg, for the given AdamW' };
}

/** The plan with what the request gives in place of the rules' values, each marked as given. */
export function withGiven(plan: Plan, { overrides, device, startFrom }: PlanInput): Plan {
  const given = Object.fromEntries(
    TRAINING_KEYS.filter((key) => overrides[key] !== undefined).map((key) => [key, overrides[key]]),
  ) as Partial<Plan['training']>;
  const training = { ...plan.training, ...given };
  const reasons = { ...plan.reasons };
  for (const key of Object.keys(given)) reasons[`training.${key}`] = GIVEN;
  if (startFrom != null) {
    training.startFrom = startFrom;
    reasons['training.startFrom'] = GIVEN;
  }
  if (training.optimizer !== plan.training.optimizer && overrides.learningRate === undefined) {
    const { value, reason } = rateOf(training.optimizer, device.kind === 'cpu');
    training.learningRate = value;
    reasons['training.learningRate'] = reason;
  }
  return { ...plan, training, reasons };
}
