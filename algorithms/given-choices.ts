import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type LossConfig, MOST_LABELS, type Plan } from '@voxhelm/contracts/plan';
import type { PlanOverrides } from '@voxhelm/contracts/run';
import { turnInPlane } from './in-plane.ts';
import { lossOfGroups, OF_GROUPS } from './plan-of.ts';
import { GIVEN } from './plan-overrides.ts';
import type { AlgorithmPlanner, PlanInput } from './planner.ts';

/*
 * What a user may choose in any algorithm's plan and no rule of the algorithm depends on: augmentation, loss, patch centres.
 */

/** A planner whose plans keep these choices of the user; whole edited plans are used as they are. */
export function keepingChoices(planner: AlgorithmPlanner): AlgorithmPlanner {
  return {
    ...planner,
    plan(input: PlanInput) {
      checkLabels(input);
      const plan = planner.plan(input);
      if (input.overrides.plans?.[planner.name] !== undefined) return plan;
      return withChoices(turnInPlane(plan), input.overrides);
    },
  };
}

function withChoices(plan: Plan, { augmentation, loss, classRatios }: PlanOverrides): Plan {
  let chosen = plan;
  if (augmentation !== undefined) chosen = because({ ...chosen, augmentation }, 'augmentation', GIVEN);
  if (classRatios !== undefined) {
    const wrong = wrongRatios(classRatios, plan.labels);
    if (wrong !== null) {
      throw new VoxhelmError('invalid-request', `plan.classRatios ${wrong}`, {
        details: { field: 'plan.classRatios' },
      });
    }
    chosen = because({ ...chosen, sampling: { mode: 'class', classRatios } }, 'sampling.classRatios', GIVEN);
    chosen = because(chosen, 'sampling.mode', `${GIVEN}, with its ratios`);
  }
  if (loss !== undefined) {
    checkWeights(loss, plan);
    const { value, reason } =
      plan.labelGroups === null
        ? ofExclusiveClasses(loss)
        : { value: lossOfGroups(loss), reason: `${GIVEN}; ${OF_GROUPS}` };
    chosen = because({ ...chosen, training: { ...chosen.training, loss: value } }, 'training.loss', reason);
  }
  return chosen;
}

/** A list of weights has a number for each class that the loss counts; the parts of a loss may count background differently. */
function checkWeights({ options }: LossConfig, { labels, labelGroups }: Plan): void {
  const classes = labelGroups?.length ?? labels.length;
  const counted = options.include_background === false ? [classes, classes - 1] : [classes];
  for (const name of ['weight', 'alpha'] as const) {
    const numbers = (options as Readonly<Record<string, unknown>>)[name];
    if (!Array.isArray(numbers) || counted.includes(numbers.length)) continue;
    const of = labelGroups === null ? 'labels, background first' : 'groups of labels';
    throw new VoxhelmError(
      'invalid-request',
      `plan.loss.options.${name} has ${numbers.length} numbers for ${classes} ${of}`,
      { fix: 'Give one for each.', details: { field: `plan.loss.options.${name}` } },
    );
  }
}

function checkLabels({ labels }: PlanInput): void {
  if (labels.length >= 2 && labels.length <= MOST_LABELS) return;
  const [problem, fix] =
    labels.length < 2
      ? ['there is no label but background', 'Declare the labels, or put the right label maps in place.']
      : [
          `${labels.length} labels are more than the ${MOST_LABELS} that a plan has`,
          'Put labels together in the label maps; background is one of them.',
        ];
  throw new VoxhelmError('invalid-request', problem, { fix, details: { field: 'labels' } });
}

function because(plan: Plan, path: string, reason: string): Plan {
  return { ...plan, reasons: { ...plan.reasons, [path]: reason } };
}

/** What is wrong with given class ratios, for people; null where nothing is. `labels`, background first: null where nobody knows them yet. */
export function wrongRatios(ratios: readonly number[], labels: readonly LabelDefinition[] | null): string | null {
  if (!ratios.some((ratio) => ratio > 0)) return 'names no label to centre patches on: one of them must be above 0';
  if (labels === null || ratios.length === labels.length) return null;
  const names = labels.map(({ name }) => name).join(', ');
  return `has ${ratios.length} numbers for ${labels.length} labels (${names}): give one for each, background first`;
}

/**
 * MONAI's overlap losses take probabilities unless they are told how to make them of logits; a network here gives logits
 * of classes that exclude each other.
 */
function ofExclusiveClasses(loss: LossConfig): { value: LossConfig; reason: string } {
  if (loss.name === 'FocalLoss' || loss.options.sigmoid === true || loss.options.softmax !== undefined) {
    return { value: loss, reason: GIVEN };
  }
  const value = { ...loss, options: { ...loss.options, softmax: true } } as LossConfig;
  return { value, reason: `${GIVEN}; softmax, for the classes exclude each other` };
}
