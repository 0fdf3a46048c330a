import { fitMemory, roomFor } from '@voxhelm/algorithms/fit-memory';
import { casesMb, corrected, mbs } from '@voxhelm/algorithms/memory-model';
import { planSmaller, shownAtOnce } from '@voxhelm/algorithms/plan-smaller';
import type { AlgorithmPlanner, PlanInput } from '@voxhelm/algorithms/planner';
import { defaultAlgorithms, plannerOf } from '@voxhelm/algorithms/planners';
import { AnalysisSummary } from '@voxhelm/contracts/analysis';
import { type DatasetCheck, LabelDefinition, Modality } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ProbeResult, TrainingCase } from '@voxhelm/contracts/jobs';
import { Device, type Plan } from '@voxhelm/contracts/plan';
import type { Analysis, Run } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';
import type { LeftOut } from '@voxhelm/search/worth-trying';
import { z } from 'zod';
import type { Dependencies } from './dependencies.ts';
import { requestOf } from './run-rows.ts';
import { importStart } from './start-from.ts';

/*
 * A run's plans: from its analysis, its device and its request, by each algorithm's rules.
 */

/** What plans are made from beside statistics and request. */
export type Givens = Required<
  Pick<PlanInput, 'startFrom' | 'ignoreLabel' | 'labelGroups' | 'trainingCases' | 'trainingsAtOnce'>
>;

/**
 * The givens of a run: weights to start from, what its dataset says of labels, how many of its cases are trained on, and how
 * many trainings share a device's memory.
 */
export async function givensOf(
  dependencies: Dependencies,
  run: Run,
  { datalist }: DatasetCheck,
  cases: readonly TrainingCase[],
): Promise<Givens> {
  const { ignoreLabel = null, labelGroups = null } = datalist;
  const trainingCases = cases.filter(({ fold }) => fold !== null).length;
  // Each GPU is one trainer's own; a machine's memory is for all of its trainers.
  const onCpu = fromJson('Run.device', Device, run.device).kind === 'cpu';
  const trainingsAtOnce = onCpu ? await dependencies.temporal.mostTrainersOfOneHost() : 1;
  return { startFrom: await importStart(dependencies, run), ignoreLabel, labelGroups, trainingCases, trainingsAtOnce };
}

/** An algorithm's plan for a fold of a run. Throws `invalid-request` where the request cannot be planned. */
export function planFor(planner: AlgorithmPlanner, run: Run, analysis: Analysis, fold: number, givens: Givens): Plan {
  const modalities = fromJson('Analysis.modalities', z.array(Modality), analysis.modalities);
  if (modalities.length === 0) {
    throw new VoxhelmError('invalid-request', "the images' modality could not be found in the dataset", {
      fix: 'Give "modality" in the request: CT, MRI, PET or other.',
      details: { field: 'modality' },
    });
  }
  return planner.plan({
    summary: fromJson('Analysis.summary', AnalysisSummary, analysis.summary),
    device: fromJson('Run.device', Device, run.device),
    labels: fromJson('Analysis.labels', z.array(LabelDefinition), analysis.labels),
    modalities,
    fold,
    overrides: requestOf(run).plan ?? {},
    ...givens,
  });
}

/**
 * The plans of the algorithms that a run asks for. Where it names none, the default ones are planned, and one that cannot take the
 * request's own values (options that its network does not have, a patch that does not fit) is left out with the reason.
 */
export function plansOf(run: Run, analysis: Analysis, givens: Givens): { plans: Plan[]; leftOut: LeftOut[] } {
  const { algorithms, plan: overrides } = requestOf(run);
  if (algorithms !== undefined)
    return { plans: algorithms.map((name) => planFor(plannerOf(name), run, analysis, 0, givens)), leftOut: [] };
  const plans: Plan[] = [];
  const leftOut: LeftOut[] = [];
  let refusal: unknown;
  for (const planner of defaultAlgorithms.map(plannerOf)) {
    try {
      refuseForeign(planner, Object.keys(overrides?.network ?? {}));
      plans.push(planFor(planner, run, analysis, 0, givens));
    } catch (error) {
      if (!(error instanceof VoxhelmError) || error.code !== 'invalid-request') throw error;
      refusal ??= error;
      leftOut.push({ name: planner.name, reason: error.message });
    }
  }
  if (plans.length === 0) throw refusal;
  return { plans, leftOut };
}

/** Refuses an option that this algorithm's network does not have. */
function refuseForeign({ name, networkOptions }: AlgorithmPlanner, options: readonly string[]): void {
  const foreign = options.find((option) => !networkOptions.includes(option));
  if (foreign === undefined) return;
  throw new VoxhelmError('invalid-request', `the network of ${name} has no option ${foreign}`, {
    fix: 'Name the algorithms that the options are for, for example "algorithms": ["segresnet"].',
    details: { field: `plan.network.${foreign}` },
  });
}

/** A plan's trial step: of which plan, and what it took. */
export interface Probed {
  readonly plan: Plan;
  readonly result: ProbeResult;
}

/**
 * The plan as large as its device holds it, by what the probe's steps took there; where the device did not tell, as the probe had
 * to make it smaller.
 */
export function heldToDevice(
  planner: AlgorithmPlanner,
  plan: Plan,
  { plan: probed, result: { memory, smaller, smallerWhy } }: Probed,
  { run, analysis, givens }: { readonly run: Run; readonly analysis: Analysis; readonly givens: Givens },
): Plan {
  const grid = planner.patchGrid(plan);
  const held = planSmaller(plan, grid, smaller, smallerWhy);
  const isEdited = requestOf(run).plan?.plans?.[planner.name] !== undefined;
  if (memory === undefined || isEdited) return held;
  const summary = fromJson('Analysis.summary', AnalysisSummary, analysis.summary);
  const measured = planSmaller(probed, grid, smaller, smallerWhy);
  const stepsMb = memory.stepsPeakMb - casesMb(measured, summary, memory.cases);
  const device = { ...fromJson('Run.device', Device, run.device), memoryBytes: memory.deviceMb * 2 ** 20 };
  return fitMemory(held, {
    grid,
    model: corrected(planner.memory(measured), measured, stepsMb),
    room: roomFor(held, { device, summary, ...givens }),
    known: `by the first steps of ${shownAtOnce(measured)}, which took ${mbs(memory.stepsPeakMb)}`,
  });
}

/** Where a plan became smaller by its probe: the event that tells to what, and why. */
export function smallerEvent(plan: Plan, probed: Plan | undefined) {
  if (probed === undefined || shownAtOnce(plan) === shownAtOnce(probed)) return [];
  const { algorithm, patchSize, reasons } = plan;
  const why = patchSize.join() === probed.patchSize.join() ? reasons['batchSize'] : reasons['patchSize'];
  const message = `${algorithm} is planned with ${shownAtOnce(plan)} at once; ${why}.`;
  return [{ key: `smaller:${algorithm}`, type: 'algorithm.smaller', message, data: { algorithm } }];
}
