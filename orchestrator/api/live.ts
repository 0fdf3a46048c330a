import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunView } from '@voxhelm/contracts/api';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import type { Database, Prisma } from '@voxhelm/prisma/client';
import { sseMessage } from './events.ts';
import { runInclude, runView, stepTotals } from './views.ts';

/** Runs that the live list shows beside all that are open: older ones do not change. */
const RECENT = 200;

/**
 * Writes `runs` messages: first all runs of the list, then those that are new or changed, and the ids of those that were
 * deleted. A reader that comes back starts again with all, so nothing is missed.
 */
export async function streamRuns(
  response: ServerResponse,
  { database, pollMs, signal }: { database: Database; pollMs: number; signal: AbortSignal },
): Promise<void> {
  const told = new Map<string, string>();
  let first = true;
  while (!signal.aborted) {
    const listed = await listRuns(database);
    // Told before and listed no more: over, behind so many newer ones that it is not recent; or deleted.
    const left = [...told.keys()].filter((id) => !listed.has(id));
    const ended = left.length === 0 ? new Map<string, RunView>() : await runsWhere(database, { id: { in: left } });
    const runs = [...listed.values(), ...ended.values()].filter((run) => {
      const text = JSON.stringify(run);
      if (told.get(run.id) === text) return false;
      told.set(run.id, text);
      return true;
    });
    for (const id of left) told.delete(id);
    const gone = left.filter((id) => !ended.has(id));
    // Without news a comment keeps the connection, and tells the reader that it lives.
    const news = first || runs.length > 0 || gone.length > 0;
    response.write(news ? sseMessage('runs', { runs, ...(gone.length === 0 ? {} : { gone }) }) : ': nothing new\n\n');
    first = false;
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

/** The newest runs and all that are open, by id. */
async function listRuns(database: Database): Promise<Map<string, RunView>> {
  const [recent, open] = await Promise.all([
    runsWhere(database, {}, RECENT),
    runsWhere(database, { state: { notIn: [...FINAL_RUN_STATES] } }),
  ]);
  return new Map([...recent, ...open]);
}

async function runsWhere(
  database: Database,
  where: Prisma.RunWhereInput,
  most?: number,
): Promise<Map<string, RunView>> {
  const rows = await database.run.findMany({
    where,
    orderBy: { id: 'desc' },
    ...(most === undefined ? {} : { take: most }),
    include: runInclude,
  });
  const totals = await stepTotals(
    database,
    rows.map(({ id }) => id),
  );
  return new Map(rows.map((row) => [row.id, runView(row, totals.get(row.id))]));
}
