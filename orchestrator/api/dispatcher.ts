import { type ErrorRecord, toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { ScheduleSettings } from '@voxhelm/contracts/schedule';
import type { Database } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';
import type { FastifyBaseLogger } from 'fastify';
import { lockName } from './idempotency.ts';
import type { Workflows } from './temporal.ts';

/** Pause between two looks for rows whose workflow was never started. */
const INTERVAL_MS = 2_000;
/** Rows started in one look; the rest follow at once. */
const BATCH = 50;
/** Longer than calls wait for Temporal: to make a schedule, and to change it where it is there. */
const SYNC_WITHIN_MS = 15_000;

/** Starts the workflows of accepted rows: the outbox's other end. */
export interface Dispatcher {
  /** Looks now; resolves when that look is over, and never rejects. */
  kick(): Promise<void>;
  /** Ends the looking; resolves when the look in progress is over. */
  stop(): Promise<void>;
}

/**
 * A request is accepted by writing its row; its workflow is started from the row, now and again until that worked. So a
 * process that dies between the two loses nothing, and a workflow that was started twice under one id runs once.
 */
export function startDispatcher(database: Database, workflows: Workflows, log: FastifyBaseLogger): Dispatcher {
  let looking: Promise<void> | null = null;
  let again = false;
  let stopped = false;
  let failing: ErrorRecord['message'] | null = null;

  async function look(): Promise<void> {
    do {
      again = false;
      try {
        if ((await dispatch(database, workflows, log)) === BATCH) again = true;
        if (failing !== null) log.info('workflows start again');
        failing = null;
      } catch (error) {
        const { message } = toErrorRecord(error);
        // Once for each outage, not every two seconds.
        if (failing === null) log.warn({ reason: message }, 'workflows cannot be started now; trying again');
        failing = message;
        again = false;
      }
    } while (again && !stopped);
  }

  function kick(): Promise<void> {
    if (stopped) return Promise.resolve();
    if (looking !== null) {
      again = true;
      return looking;
    }
    looking = look().finally(() => {
      looking = null;
    });
    return looking;
  }

  const timer = setInterval(() => void kick(), INTERVAL_MS);
  timer.unref();
  void kick();
  return {
    kick,
    async stop() {
      stopped = true;
      clearInterval(timer);
      await looking;
    },
  };
}

/** Starts what waits, oldest first; returns the number of rows, {@link BATCH} where there may be more. */
async function dispatch(database: Database, workflows: Workflows, log: FastifyBaseLogger): Promise<number> {
  const waiting = {
    where: { workflowStarted: false },
    orderBy: { id: 'asc' },
    take: BATCH,
    select: { id: true },
  } as const;
  const [runs, datasets, suggestions, schedules] = await Promise.all([
    database.run.findMany(waiting),
    database.dataset.findMany(waiting),
    database.suggestion.findMany(waiting),
    database.schedule.findMany({ where: { synced: false, refusal: null }, orderBy: { id: 'asc' }, take: BATCH }),
  ]);
  const started: string[] = [];

  /** One that Temporal refuses must not hold up the others; where Temporal is away, the look ends. */
  async function start(id: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      started.push(id);
    } catch (error) {
      if (!(error instanceof VoxhelmError) || error.code === 'unavailable') throw error;
      log.error({ id, reason: error.message }, 'a workflow cannot be started');
    }
  }

  for (const { id } of runs) {
    await start(id, async () => {
      await workflows.startRun(id);
      await database.run.update({ where: { id }, data: { workflowStarted: true } });
    });
  }
  for (const { id } of datasets) {
    await start(id, async () => {
      await workflows.startDataset(id);
      await database.dataset.update({ where: { id }, data: { workflowStarted: true } });
    });
  }
  for (const { id } of suggestions) {
    await start(id, async () => {
      await workflows.startSuggestion(id);
      await database.suggestion.update({ where: { id }, data: { workflowStarted: true } });
    });
  }
  for (const { id } of schedules) {
    await start(id, () =>
      // One process after the other, each with the row as it is then: what was read before may be older than what Temporal has.
      database.$transaction(
        async (transaction) => {
          await lockName(transaction, `schedule-sync:${id}`);
          const row = await transaction.schedule.findUnique({ where: { id } });
          if (row === null || row.synced || row.refusal !== null) return;
          const { revision, paused, note, deletedAt } = row;
          const settings = fromJson('Schedule.settings', ScheduleSettings, row.settings);
          const wanted = { id, settings, paused, note, deleted: deletedAt !== null };
          const refusal = await workflows.syncSchedule(wanted).then(() => null, refusalOf);
          if (refusal !== null) log.error({ id, reason: refusal }, 'Temporal refuses a schedule');
          // One that is refused is not asked for again until it is changed; its user reads why. Changed meanwhile: the next
          // look passes that on.
          const data = refusal === null ? { synced: true } : { refusal };
          await transaction.schedule.updateMany({ where: { id, revision }, data });
        },
        { timeout: SYNC_WITHIN_MS },
      ),
    );
  }
  const counts = [runs, datasets, suggestions, schedules].map(({ length }) => length);
  return started.length === 0 ? 0 : Math.max(...counts);
}

/** Why Temporal will never take it; throws what may pass. */
function refusalOf(error: unknown): string {
  if (error instanceof VoxhelmError && error.code === 'invalid-request') return error.message;
  throw error;
}
