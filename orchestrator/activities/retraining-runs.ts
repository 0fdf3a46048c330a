import { createHash } from 'node:crypto';
import { plannerOf } from '@voxhelm/algorithms/planners';
import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { Plan } from '@voxhelm/contracts/plan';
import { budgetOf, RunRequest, type RunRequestInput } from '@voxhelm/contracts/run';
import type { Retraining, ScheduleSettings } from '@voxhelm/contracts/schedule';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Analysis, Firing, Run, Schedule } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { type ArtifactStore, readJson } from '@voxhelm/storage/artifact-store';
import { knownOf } from '../known-analysis.ts';
import { type Start, shareOfBudget } from '../schedules/decide.ts';
import { bestSearchTrial } from './folds.ts';
import { loadStudy } from './schedule.ts';

/** What a retraining's run is made from. */
export interface RetrainingRun {
  readonly firing: Firing;
  readonly schedule: Schedule;
  readonly settings: ScheduleSettings;
  readonly start: Start;
  /** Runs of this firing that share the budget. */
  readonly share: number;
  readonly champion: Run | null;
  readonly analysis: Analysis;
  readonly store: ArtifactStore;
}

/** Writes the row of a run that retrains; its workflow is a child of the firing's, so no dispatcher starts it. */
export async function createRetrainingRun(transaction: Transaction, made: RetrainingRun): Promise<string> {
  const { firing, schedule, start, champion, analysis } = made;
  const request = RunRequest.parse(await requestFor(transaction, made));
  const retraining: Retraining = {
    firingId: firing.id,
    // The look read the dataset as it was registered.
    known: (request.labels ?? request.modality) === undefined ? (knownOf(analysis) ?? null) : null,
    foldsFrom: champion?.id ?? null,
    startFrom: start === 'champion' ? (champion?.id ?? null) : null,
  };
  const id = newId('run');
  await transaction.run.create({
    data: {
      id,
      idempotencyKey: `firing:${firing.id}:${start}`,
      requestSha256: createHash('sha256').update(JSON.stringify(request)).digest('hex'),
      request: toJson(request) as object,
      name: await nameOf(transaction, made, request.name ?? schedule.name),
      datasetId: schedule.datasetId,
      submittedBy: request.submittedBy ?? `schedule ${schedule.name}`,
      seed: request.seed,
      budgetMs: request.budget === undefined ? null : BigInt(Math.ceil(budgetOf(request.budget).ms)),
      workflowStarted: true,
      firingId: firing.id,
      retraining,
    },
  });
  await transaction.runEvent.create({
    data: {
      runId: id,
      key: 'run.created',
      type: 'run.created',
      message: `Made by schedule "${schedule.name}"; waiting to start.`,
      data: { scheduleId: schedule.id, firingId: firing.id },
    },
  });
  return id;
}

/** Tells this retraining's run from its fellows and from those of earlier firings, whose request is the same. */
async function nameOf(transaction: Transaction, { firing, start }: RetrainingRun, base: string): Promise<string> {
  const others = { scheduleId: firing.scheduleId, id: { not: firing.id }, runs: { some: {} } };
  const before = await transaction.firing.count({ where: others });
  return `${base} ${before + 1}, ${start === 'champion' ? 'from the champion' : 'from nothing'}`;
}

/**
 * The schedule's request. A run that starts from the champion's weights takes over its algorithm, its plan and its folds as
 * well, and searches nothing unless the schedule says how much.
 */
async function requestFor(transaction: Transaction, made: RetrainingRun): Promise<RunRequestInput> {
  const { schedule, settings, start, share, champion } = made;
  const { budget: whole, ...asked } = settings.run ?? {};
  const budget = whole === undefined ? undefined : shareOfBudget(whole, share);
  const request = { ...asked, dataset: schedule.datasetId, ...(budget === undefined ? {} : { budget }) };
  if (start === 'nothing' || champion === null) return request;
  const plan = await winningPlanOf(transaction, made.store, champion.id);
  const folds = request.folds ?? champion.folds ?? undefined;
  return {
    ...request,
    ...(plan === null ? {} : { algorithms: [plan.algorithm] }),
    ...(folds === undefined ? {} : { folds }),
    search: { ...request.search, trials: request.search?.trials ?? 1 },
    plan: { ...request.plan, ...(plan === null ? {} : { plans: { [plan.algorithm]: plan } }) },
  };
}

/**
 * The plan that the champion's search found best, as long as its algorithm plans by itself: a retraining's time is its own. Not
 * that of the model with the highest Dice: which fold is easy says nothing of a configuration.
 */
async function winningPlanOf(transaction: Transaction, store: ArtifactStore, runId: string): Promise<Plan | null> {
  const winner = await bestSearchTrial(transaction, runId);
  if (winner?.planArtifact == null) return null;
  const plan = await readJson(store, fromJson('Trial.planArtifact', ArtifactRef, winner.planArtifact), Plan);
  const { schedule } = await loadStudy(transaction, runId);
  const steps = schedule.algorithms[plan.algorithm]?.planSteps ?? plan.training.steps;
  const whole = plannerOf(plan.algorithm).withSteps(plan, steps);
  // Each fold gets the weights of its own; what this one began with is history.
  return { ...whole, training: { ...whole.training, startFrom: null } };
}
