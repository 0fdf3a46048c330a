import { VoxhelmError } from '@voxhelm/contracts/errors';
import { durationMs, FINAL_RUN_STATES, type RunChange, RunRequest, type RunState } from '@voxhelm/contracts/run';
import { type Database, Prisma } from '@voxhelm/prisma/client';
import type { Run } from '@voxhelm/prisma/generated/client';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { foldTrainings } from '@voxhelm/search/budget';
import { fieldError, notFound } from './errors.ts';
import type { Workflows } from './temporal.ts';

/*
 * Giving a run more (or less) time, or more trials, while it goes on. The rows say what holds; the workflow is told to ask
 * its study again. A run that is over is not changed: another one branches off it.
 */

/**
 * Changes a run. Throws `not-found`, `conflict` where it is over or (for trials) its search is, `invalid-request` where it
 * would have fewer trials than it has begun or less time than it has used.
 */
export async function changeRun(
  database: Database,
  workflows: Workflows,
  runId: string,
  change: RunChange,
  nowMs: number = Date.now(),
): Promise<void> {
  await database.$transaction(async (transaction) => {
    const [run] = await transaction.$queryRaw<Run[]>(Prisma.sql`SELECT * FROM "Run" WHERE id = ${runId} FOR UPDATE`);
    if (run === undefined) throw notFound('run', runId);
    const state = run.state as RunState;
    if (FINAL_RUN_STATES.includes(state) || state === 'cancelling') {
      throw new VoxhelmError('conflict', `run "${runId}" is ${state}, so it cannot be given more`, {
        fix: 'Branch it: a new run goes on from its finished trials ("branch" in the request).',
        details: { state },
      });
    }
    const request = fromJson('Run.request', RunRequest, run.request);
    const data: Prisma.RunUncheckedUpdateInput = {};
    const words: string[] = [];
    if (change.budget !== undefined) {
      const budgetMs = change.budget === null ? null : Math.ceil(durationMs(change.budget));
      const usedMs = nowMs - (run.startedAt ?? run.createdAt).getTime() - run.pausedMs;
      if (budgetMs !== null && budgetMs <= usedMs) {
        throw fieldError('/budget', `${change.budget} is less than the ${Math.ceil(usedMs / 1_000)} s that it has run`);
      }
      data.budgetMs = budgetMs;
      data.plannedUntil = budgetMs === null ? null : new Date(nowMs - usedMs + budgetMs);
      words.push(change.budget === null ? 'no time limit' : `a budget of ${change.budget}`);
    }
    if (change.trials !== undefined) {
      const following = await moveTrials(transaction, run, change.trials);
      if (following !== null) data.plannedTrials = change.trials + following;
      words.push(`${change.trials} search trials`);
    }
    const { budget: _, ...rest } = request;
    const budget = change.budget === undefined ? request.budget : (change.budget ?? undefined);
    const search = change.trials === undefined ? request.search : { ...request.search, trials: change.trials };
    data.request = toJson({
      ...rest,
      ...(budget === undefined ? {} : { budget }),
      ...(search === undefined ? {} : { search }),
    }) as Prisma.InputJsonValue;
    await transaction.run.update({ where: { id: runId }, data });
    await transaction.runEvent.create({
      data: {
        runId,
        key: `changed:${nowMs}`,
        type: 'run.changed',
        message: `Now with ${words.join(' and ')}.`,
        data: { ...change },
      },
    });
  });
  await workflows.control(runId, 'extend');
}

/** Sets the study's number of trials. Returns how many trainings follow them; null: not laid out yet, it will read the request. */
async function moveTrials(transaction: Prisma.TransactionClient, run: Run, trials: number): Promise<number | null> {
  if (run.stage === 'folds' || run.stage === 'ensemble') {
    throw new VoxhelmError('conflict', `the search of run "${run.id}" is over (it is at ${run.stage})`, {
      fix: 'Branch it when it has ended: the new run goes on with its search.',
    });
  }
  const begun = await transaction.trial.count({ where: { runId: run.id, kind: 'search' } });
  if (trials < begun) throw fieldError('/trials', `${begun} trials have begun already`);
  const study = await transaction.study.findUnique({ where: { runId: run.id }, select: { schedule: true } });
  if (study === null) return null;
  const schedule = study.schedule as { allocation: { folds: number; looks?: boolean } };
  await transaction.study.update({
    where: { runId: run.id },
    data: {
      schedule: {
        ...schedule,
        allocation: { ...schedule.allocation, searchTrials: trials },
      } as Prisma.InputJsonValue,
    },
  });
  return foldTrainings(schedule.allocation);
}
