import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunView } from '@voxhelm/contracts/api';
import { FINAL_RUN_STATES } from '@voxhelm/contracts/run';
import type { Database } from '@voxhelm/prisma/client';
import { sseMessage } from './events.ts';
import { runInclude, runView, stepTotals } from './views.ts';

/** Runs that the live list shows beside all that are open: older ones do not change. */
const RECENT = 200;

/**
 * Writes `runs` messages: first all runs of the list, then those that are new or changed. A reader that comes back starts
 * again with all, so nothing is missed.
 */
export async function streamRuns(
  response: ServerResponse,
  { database, pollMs, signal }: { database: Database; pollMs: number; signal: AbortSignal },
): Promise<void> {
  const told = new Map<string, string>();
  let first = true;
  while (!signal.aborted) {
    const runs = (await listRuns(database)).filter((run) => {
      const text = JSON.stringify(run);
      if (told.get(run.id) === text) return false;
      told.set(run.id, text);
      return true;
    });
    // Without news a comment keeps the connection, and tells the reader that it lives.
    response.write(first || runs.length > 0 ? sseMessage('runs', { runs }) : ': nothing new\n\n');
    first = false;
    await sleep(pollMs, undefined, { signal }).catch(() => undefined);
  }
}

async function listRuns(database: Database): Promise<RunView[]> {
  const [recent, open] = await Promise.all([
    database.run.findMany({ orderBy: { id: 'desc' }, take: RECENT, include: runInclude }),
    database.run.findMany({ where: { state: { notIn: [...FINAL_RUN_STATES] } }, include: runInclude }),
  ]);
  const rows = new Map([...recent, ...open].map((row) => [row.id, row]));
  const totals = await stepTotals(database, [...rows.keys()]);
  return [...rows.values()].map((row) => runView(row, totals.get(row.id)));
}
