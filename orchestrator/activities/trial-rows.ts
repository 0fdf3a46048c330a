import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { TrainJob } from '@voxhelm/contracts/jobs';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Run, Trial } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';
import { requestOf } from './run-rows.ts';

/** States that no trial leaves. */
export const FINAL_TRIAL_STATES: readonly string[] = ['completed', 'pruned', 'diverged', 'failed', 'cancelled'];

/** Reads a trial; throws `not-found`. */
export async function readTrial(db: Transaction, trialId: string): Promise<Trial> {
  const trial = await db.trial.findUnique({ where: { id: trialId } });
  if (trial === null) throw new VoxhelmError('not-found', `there is no trial ${trialId}`);
  return trial;
}

/** What a trainer is given of a trial. */
export type TrialForJob = Pick<Trial, 'id' | 'kind' | 'fold' | 'seed' | 'lease' | 'planArtifact'>;

/** The trainer's job for a trial under its present lease. */
export function trainJobOf(run: Run, trial: TrialForJob): TrainJob {
  return {
    kind: 'train',
    runId: run.id,
    trialId: trial.id,
    plan: fromJson('Trial.planArtifact', ArtifactRef, trial.planArtifact),
    cases: fromJson('Run.casesArtifact', ArtifactRef, run.casesArtifact),
    fold: trial.fold,
    seed: trial.seed,
    lease: trial.lease,
    artifactPrefix: trialPrefix(run.id, trial.id),
    prunable: trial.kind === 'search' && requestOf(run).search?.pruner !== 'none',
  };
}

/** Where a trial's files lie in the artifact store. */
export function trialPrefix(runId: string, trialId: string): string {
  return `runs/${runId}/trials/${trialId}`;
}

/** A Dice for a sentence. */
export function shownDice(dice: number | null): string {
  return dice === null ? 'unknown' : dice.toFixed(3);
}
