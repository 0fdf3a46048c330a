import { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { TrainingCase } from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { Retraining } from '@voxhelm/contracts/schedule';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import type { Run } from '@voxhelm/prisma/generated/client';
import { fromJson, fromJsonOrNull } from '@voxhelm/prisma/json';
import { readJson } from '@voxhelm/storage/artifact-store';
import { readCases } from '../run-cases.ts';
import type { Dependencies } from './dependencies.ts';
import { readRun } from './run-rows.ts';

/**
 * A retraining's plan with the weights that its fold starts from: those of the same fold and network in the run that it goes
 * on from. A fold starts from nothing, and says why, where that run has no such model or trained it on what this fold
 * validates. The plan as it is where the run does not go on from another.
 */
export async function withStart(
  dependencies: Dependencies,
  run: Run,
  plan: Plan,
): Promise<{ readonly plan: Plan; readonly startedFrom: string | null }> {
  const retraining = fromJsonOrNull('Run.retraining', Retraining, run.retraining);
  if (retraining === null || retraining.startFrom === null) return { plan, startedFrom: null };
  const { startFrom } = retraining;
  const { db, store } = dependencies;
  const { fold } = plan;
  const source = await readRun(db, startFrom);
  const [now, before] = await Promise.all([readCases(dependencies, run), readCases(dependencies, source)]);
  const leaks = seenBefore(fold, now, before);
  if (leaks.length > 0) {
    return { plan, startedFrom: `from nothing: ${startFrom} trained fold ${fold} on ${leaks.slice(0, 3).join(', ')}` };
  }
  const trials = await db.trial.findMany({
    where: { runId: startFrom, fold, state: { in: ['completed', 'pruned'] }, bestDice: { not: null } },
    orderBy: { bestDice: 'desc' },
  });
  for (const { number, checkpoint, planArtifact } of trials) {
    if (checkpoint === null || planArtifact === null) continue;
    const theirs = await readJson(store, fromJson('Trial.planArtifact', ArtifactRef, planArtifact), Plan);
    if (networkKey(theirs) !== networkKey(plan)) continue;
    const weights = fromJson('Trial.checkpoint', ArtifactRef, checkpoint);
    const begun = { source: `trial ${number + 1} of ${startFrom}`, weights, required: true };
    return {
      plan: { ...plan, training: { ...plan.training, startFrom: begun } },
      startedFrom: `from the weights of ${begun.source}`,
    };
  }
  return { plan, startedFrom: `from nothing: ${startFrom} has no model of this network on fold ${fold}` };
}

/** Validation cases of a fold that the earlier run's model of that fold was trained on, under whatever name. */
export function seenBefore(fold: number, now: readonly TrainingCase[], before: readonly TrainingCase[]): string[] {
  const isSeen = sameCaseAs(before.filter((one) => one.fold !== null && one.fold !== fold));
  return now.filter((one) => one.fold === fold && isSeen(one)).map(({ caseId }) => caseId);
}

function networkKey({ network }: Plan): string {
  return JSON.stringify([network.class, Object.entries(network.options).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
