import { VoxhelmError } from '@voxhelm/contracts/errors';
import { dints } from './dints/plan.ts';
import { fittingMemory } from './fit-memory.ts';
import { keepingChoices } from './given-choices.ts';
import type { AlgorithmPlanner } from './planner.ts';
import { segresnet } from './segresnet/plan.ts';
import { swinunetr } from './swinunetr/plan.ts';
import { unet } from './unet/plan.ts';

/** Every algorithm, by its name: the only list of them. Pure, for the orchestrator: nothing here loads a tensor. */
export const planners: Readonly<Record<string, AlgorithmPlanner>> = {
  [segresnet.name]: fittingMemory(keepingChoices(segresnet)),
  [swinunetr.name]: fittingMemory(keepingChoices(swinunetr)),
  [unet.name]: fittingMemory(keepingChoices(unet)),
  [dints.name]: fittingMemory(keepingChoices(dints)),
};

/** Names of the algorithms that a run tries which names none, in the order in which they are tried. */
export const defaultAlgorithms: readonly string[] = Object.keys(planners);

/** The planner of an algorithm; throws `invalid-request` naming those that exist. */
export function plannerOf(name: string): AlgorithmPlanner {
  const planner = Object.hasOwn(planners, name) ? planners[name] : undefined;
  if (planner === undefined) {
    throw new VoxhelmError('invalid-request', `there is no algorithm "${name}"`, {
      fix: `Use one of: ${Object.keys(planners).join(', ')}.`,
      details: { field: 'algorithms' },
    });
  }
  return planner;
}
