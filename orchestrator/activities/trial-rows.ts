import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { TrainJob } from '@voxhelm/contracts/jobs';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Run, Trial } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';
import { SMALLEST_STEPS } from '@voxhelm/search/budget';
import { validationCases } from '@voxhelm/search/training-time';
import { trialPrefix } from '@voxhelm/storage/trial-log';
import { requestOf } from './run-rows.ts';
import type { Schedule } from './schedule.ts';

/** States that no trial leaves. */
export const FINAL_TRIAL_STATES: readonly string[] = ['completed', 'pruned', 'diverged', 'failed', 'cancelled'];

/** Reads a trial; throws `not-found`. */
export async function readTrial(db: Transaction, trialId: string): Promise<Trial> {
  const trial = await db.trial.findUnique({ where: { id: trialId } });
  if (trial === null) throw new VoxhelmError('not-found', `there is no trial ${trialId}`);
  return trial;
}

/** What a trainer is given of a trial. */
export type TrialForJob = Pick<
  Trial,
  'id' | 'number' | 'algorithm' | 'kind' | 'fold' | 'seed' | 'lease' | 'planArtifact' | 'steps' | 'sourceTrialId'
>;

/** The trainer's jobs for trials under their present lease. */
export async function trainJobsOf(
  db: Transaction,
  run: Run,
  trials: readonly TrialForJob[],
  schedule: Schedule,
): Promise<TrainJob[]> {
  const from = trials.flatMap(({ kind, sourceTrialId }) => (kind === 'search' && sourceTrialId ? [sourceTrialId] : []));
  const sources = from.length === 0 ? [] : await db.trial.findMany({ where: { id: { in: from } } });
  const byId = new Map(sources.map((source) => [source.id, source]));
  return trials.map((trial) => trainJobOf(run, trial, schedule, byId.get(trial.sourceTrialId ?? '') ?? null));
}

/** What a promoted trial goes on from. */
function continueFrom({ id, step, bestStep, bestDice, checkpoint, lastCheckpoint }: Trial): TrainJob['continueFrom'] {
  if (lastCheckpoint === null) throw new VoxhelmError('internal', `trial ${id} left no checkpoint to go on from`);
  const last = { artifact: fromJson('Trial.lastCheckpoint', ArtifactRef, lastCheckpoint), step, dice: null };
  if (checkpoint === null || bestStep === null) return { last, best: null };
  return {
    last,
    best: { artifact: fromJson('Trial.checkpoint', ArtifactRef, checkpoint), step: bestStep, dice: bestDice },
  };
}

function trainJobOf(run: Run, trial: TrialForJob, schedule: Schedule, source: Trial | null): TrainJob {
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
    until: trial.steps,
    ...(source === null ? {} : { continueFrom: continueFrom(source) }),
    ends: endOf(run, trial, schedule),
  };
}

/** A training ends in time for the ensemble; one whose steps the request fixed does them all. */
function endOf(run: Run, { algorithm, number }: TrialForJob, schedule: Schedule): TrainJob['ends'] {
  const probe = schedule.algorithms[algorithm]?.probe;
  if (run.budgetMs === null || schedule.steps !== null || probe === undefined) return null;
  const { ensembleReserveMs, splits } = schedule.allocation;
  const startedMs = (run.startedAt ?? run.createdAt).getTime() + run.pausedMs;
  const at = startedMs + Number(run.budgetMs) - (ensembleReserveMs ?? 0);
  return {
    at: new Date(at).toISOString(),
    validationMs: validationCases(schedule.trainingCases, splits) * probe.predictCaseMs,
    leastSteps: number === 0 ? SMALLEST_STEPS : 0,
  };
}

/** A Dice for a sentence. */
export function shownDice(dice: number | null): string {
  return dice === null ? 'unknown' : dice.toFixed(3);
}
