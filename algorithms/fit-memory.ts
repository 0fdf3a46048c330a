import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { Device, Plan } from '@voxhelm/contracts/plan';
import { casesMb, type MemoryModel, type MemoryRoom, mbs, memoryRoom, peakMb } from './memory-model.ts';
import type { PatchGrid } from './patch-grid.ts';
import { explained, nextSmaller, recomputing, shownAtOnce } from './plan-smaller.ts';
import type { AlgorithmPlanner, PlanInput } from './planner.ts';

/** How a plan is held to its device: by whose word, and how much there is. */
export interface MemoryFit {
  readonly grid: PatchGrid;
  readonly model: MemoryModel;
  readonly room: MemoryRoom;
  /** How the model is known, for people: "estimated", "measured by its first steps". */
  readonly known: string;
}

/**
 * The plan with as many patches at once, and as large ones, as fit, its blocks computed again for the gradient where a single
 * patch would not fit else; as it is where it fits. A plan that no patch makes fit keeps
 * its patch's size: what fills the memory is something else (its cases, the network's weights), and the trial tells.
 */
export function fitMemory(plan: Plan, { grid, model, room, known }: MemoryFit): Plan {
  let fitted = plan;
  while (peakMb(model, fitted) > room.mb && (fitted.batchSize > 1 || model.fixedMb < room.mb)) {
    const next: Plan | null = recomputedNow(fitted, model) ?? nextSmaller(fitted, grid);
    if (next === null) break;
    fitted = next;
  }
  if (fitted === plan) return plan;
  const why = `${shownAtOnce(plan)} would take ${mbs(peakMb(model, plan))} (${known}), and there are ${room.described}`;
  return centredByClass(explained(plan, fitted, why), plan);
}

/** With a single patch left, computing blocks again is tried before the patch shrinks: time is cheaper than sight. */
function recomputedNow(plan: Plan, { recomputedBytesPerVoxel }: MemoryModel): Plan | null {
  return plan.batchSize === 1 && recomputedBytesPerVoxel !== undefined ? recomputing(plan) : null;
}

/** Patches that lay anywhere because they showed nearly all of an image no longer do once they are smaller. */
function centredByClass(fitted: Plan, { patchSize, sampling }: Plan): Plan {
  if (sampling.mode === 'class' || fitted.patchSize.join() === patchSize.join()) return fitted;
  const reason = `by class: ${patchSize.join(' x ')} would have shown nearly all of an image, the smaller patch does not`;
  return {
    ...fitted,
    sampling: { ...sampling, mode: 'class' },
    reasons: { ...fitted.reasons, 'sampling.mode': reason },
  };
}

/** What decides the room for a training: its device, who else trains there, and its cases. */
export interface MemoryShare {
  readonly device: Device;
  /** Trainings that the device's memory is for; 1 where nothing else is said. */
  readonly trainingsAtOnce?: number;
  readonly summary: AnalysisSummary;
  readonly trainingCases: number;
}

/** The room for a plan's training. */
export function roomFor(plan: Plan, { device, trainingsAtOnce, summary, trainingCases }: MemoryShare): MemoryRoom {
  return memoryRoom(device, trainingsAtOnce ?? 1, casesMb(plan, summary, trainingCases));
}

/** A planner whose plans fit their device by what is known before anything is tried; whole edited plans are used as they are. */
export function fittingMemory(planner: AlgorithmPlanner): AlgorithmPlanner {
  return {
    ...planner,
    plan(input: PlanInput) {
      const plan = planner.plan(input);
      if (input.overrides.plans?.[planner.name] !== undefined) return plan;
      const room = roomFor(plan, input);
      return fitMemory(plan, { grid: planner.patchGrid(plan), model: planner.memory(plan), room, known: 'estimated' });
    },
  };
}
