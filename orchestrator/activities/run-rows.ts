import { VoxhelmError } from '@voxhelm/contracts/errors';
import { FINAL_RUN_STATES, RunRequest, type RunStage, type RunState } from '@voxhelm/contracts/run';
import type { Database, Prisma, Transaction } from '@voxhelm/prisma/client';
import type { Run } from '@voxhelm/prisma/generated/client';
import { fromJson } from '@voxhelm/prisma/json';

/** Something that happened in a run, as its events tell it. */
export interface RunHappening {
  /** Names it within the run, so that a retried activity tells it once. */
  readonly key: string;
  readonly type: string;
  /** One sentence for people. */
  readonly message: string;
  readonly data?: Prisma.InputJsonObject;
}

/**
 * Changes a run in one transaction that holds its row. Because every writer of events goes through here, the ids of a
 * run's events become visible in their order: a reader that resumes after an id misses none.
 */
export async function changeRun<T>(
  db: Database,
  runId: string,
  change: (transaction: Transaction, run: Run) => Promise<T>,
): Promise<T> {
  return db.$transaction(async (transaction) => {
    const [run] = await transaction.$queryRaw<Run[]>`SELECT * FROM "Run" WHERE "id" = ${runId} FOR UPDATE`;
    if (run === undefined) throw new VoxhelmError('not-found', `there is no run ${runId}`);
    return change(transaction, run);
  });
}

/** Adds events; those told before (same key) are skipped. Only inside {@link changeRun}. */
export async function addEvents(transaction: Transaction, runId: string, ...events: RunHappening[]): Promise<void> {
  await transaction.runEvent.createMany({
    data: events.map((event) => ({ runId, ...event })),
    skipDuplicates: true,
  });
}

/** True where the run has ended, so that a late activity must not revive it. */
export function hasEnded(run: Pick<Run, 'state'>): boolean {
  return FINAL_RUN_STATES.includes(run.state as RunState);
}

/** Reads a run; throws `not-found`. */
export async function readRun(db: Transaction, runId: string): Promise<Run> {
  const run = await db.run.findUnique({ where: { id: runId } });
  if (run === null) throw new VoxhelmError('not-found', `there is no run ${runId}`);
  return run;
}

/** A run's request, with its defaults. */
export function requestOf(run: Pick<Run, 'request'>): RunRequest {
  return fromJson('Run.request', RunRequest, run.request);
}

/** Moves a run to a stage, with its sentence and event. Unchanged where it is there already. */
export async function enterStage(
  transaction: Transaction,
  run: Run,
  stage: RunStage,
  message: string,
  more: Prisma.RunUncheckedUpdateInput = {},
): Promise<void> {
  await transaction.run.update({
    where: { id: run.id },
    data: { stage, message, progress: STAGE_PROGRESS[stage], ...more },
  });
  if (run.stage !== stage) {
    await addEvents(transaction, run.id, { key: `stage:${stage}`, type: 'stage.changed', message, data: { stage } });
  }
}

/** Progress (0..1) at the beginning of each stage: trainings are nearly all of a run. */
export const STAGE_PROGRESS: Readonly<Record<RunStage, number>> = {
  queued: 0,
  analysis: 0.01,
  planning: 0.03,
  search: 0.05,
  folds: 0.05,
  ensemble: 0.92,
  done: 1,
};

/** Progress (0..1) with this many of the planned trials finished. */
export function progressOfTrials(finished: number, planned: number): number {
  const share = planned === 0 ? 1 : Math.min(1, finished / planned);
  return STAGE_PROGRESS.search + (STAGE_PROGRESS.ensemble - STAGE_PROGRESS.search) * share;
}

/** Milliseconds until the run's budget ends, pauses not counted; null without a budget. */
export function remainingMs(
  run: Pick<Run, 'budgetMs' | 'startedAt' | 'createdAt' | 'pausedMs'>,
  now: Date,
): number | null {
  if (run.budgetMs === null) return null;
  return Number(run.budgetMs) - elapsedMs(run, now);
}

/** Milliseconds since the run began, pauses not counted. */
export function elapsedMs(run: Pick<Run, 'startedAt' | 'createdAt' | 'pausedMs'>, now: Date): number {
  return now.getTime() - (run.startedAt ?? run.createdAt).getTime() - run.pausedMs;
}
