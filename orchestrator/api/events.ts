import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent, RunProgress } from '@voxhelm/contracts/api';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import type { Database } from '@voxhelm/prisma/client';
import { notFound } from './errors.ts';
import { followMetrics } from './metrics.ts';
import { runEventView, runInclude, runView, stepTotals, trialView } from './views.ts';

/** Events read at once. */
const BATCH = 500;

/** A run's recorded events after an id, oldest first, at most `limit`. */
export async function eventsAfter(
  database: Database,
  runId: string,
  afterId: bigint,
  limit: number,
): Promise<RunEvent[]> {
  const rows = await database.runEvent.findMany({
    where: { runId, id: { gt: afterId } },
    orderBy: { id: 'asc' },
    take: limit,
  });
  return rows.map(runEventView);
}

/** A run and its running trials, as the `progress` event shows them. Throws `not-found`. */
export async function progressMessage(database: Database, runId: string): Promise<RunProgress> {
  const [row, totals, running] = await Promise.all([
    database.run.findUnique({ where: { id: runId }, include: runInclude }),
    stepTotals(database, [runId]),
    database.trial.findMany({ where: { runId, state: 'running' }, orderBy: { number: 'asc' }, take: 100 }),
  ]);
  if (row === null) throw notFound('run', runId);
  return {
    run: runView(row, totals.get(runId)),
    trials: running.map((trial) => {
      const { id, number, kind, algorithm, fold, step, steps, bestDice, progress } = trialView(trial);
      return { id, number, kind, algorithm, fold, step, steps, bestDice, progress };
    }),
  };
}

/** One server-sent event (HTML standard, 9.2); JSON has no line breaks, so one data line suffices. */
export function sseMessage(type: string, data: unknown, id?: number): string {
  return `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** What {@link streamEvents} needs. */
export interface EventStreamOptions {
  readonly database: Database;
  readonly runId: string;
  /** The last event that the client has; 0 for none. */
  readonly afterId: bigint;
  readonly pollMs: number;
  /** Series of which `metrics` messages tell new points; none where absent. */
  readonly series?: readonly string[];
  /** Ends the stream: the client went or the service closes. */
  readonly signal: AbortSignal;
}

/**
 * Writes a run's events as they are recorded, between them `progress` messages (without id, so that they never move the
 * place from which a client resumes), and ends after the last event of a run that is over. A client that reads slowly is
 * waited for. Rejects where the database is away: the client comes back by itself with Last-Event-ID.
 */
export async function streamEvents(response: ServerResponse, options: EventStreamOptions): Promise<void> {
  const { database, runId, signal, pollMs } = options;
  let last = options.afterId;
  const metrics = options.series === undefined ? null : await followMetrics(database, runId, options.series);
  while (!signal.aborted) {
    // Read before the events: a run seen as over has recorded its last event, so the events that follow are all.
    const progress = await progressMessage(database, runId);
    for (;;) {
      const events = await eventsAfter(database, runId, last, BATCH);
      for (const event of events) {
        await write(response, sseMessage(event.type, event, event.id), signal);
        last = BigInt(event.id);
      }
      if (events.length < BATCH) break;
    }
    const curves = metrics === null ? [] : await metrics();
    if (curves.length > 0) await write(response, sseMessage('metrics', { curves }), signal);
    await write(response, sseMessage('progress', progress), signal);
    if (FINAL_RUN_STATES.includes(progress.run.state)) return;
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

async function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (signal.aborted || response.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
