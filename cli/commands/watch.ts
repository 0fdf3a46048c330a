import { RunDetail } from '@voxhelm/contracts/api';
import { readSettings } from '@voxhelm/contracts/settings';
import { type ApiClient, createApiClient } from '../api-client.ts';
import { followEvents } from '../follow.ts';
import type { JsonOption } from '../main.ts';
import { createProgressView } from '../output/progress-view.ts';
import { failureLines } from '../output/run-report.ts';

/** Events that say of the run's end what the last line says as well. */
const ENDS: ReadonlySet<string> = new Set(['run.completed', 'run.failed', 'run.cancelled']);

/** Follows a run to its end; returns 1 where it failed or was cancelled. */
export async function watch(run: string, options: JsonOption): Promise<number> {
  return followRun(createApiClient(readSettings()), run, options);
}

/** The same on a given client. With `json` each event is a JSON line on standard output. */
export async function followRun(client: ApiClient, runId: string, options: JsonOption): Promise<number> {
  if (options.json === true) {
    const line = (value: unknown): boolean => process.stdout.write(`${JSON.stringify(value)}\n`);
    const last = await followEvents(client, runId, {
      onEvent: line,
      onProgress: (progress) => line({ type: 'progress', ...progress }),
    });
    return last.run.state === 'completed' ? 0 : 1;
  }
  const view = createProgressView(process.stdout);
  const last = await followEvents(client, runId, {
    onEvent: (event) => ENDS.has(event.type) || view.event(event),
    onProgress: (progress) => view.progress(progress),
    onReconnecting: (reason) => view.note(`… ${reason}; trying again`),
  });
  view.end();
  const detail = last.run.state === 'failed' ? await client.get(`/runs/${last.run.id}`, RunDetail) : null;
  const end = detail?.failure == null ? [`${last.run.state}: ${last.run.message}`] : failureLines(detail);
  process.stdout.write(`${last.run.id} ${end.join('\n')}\n`);
  return last.run.state === 'completed' ? 0 : 1;
}
