import { readSettings } from '@voxhelm/contracts/settings';
import { type ApiClient, createApiClient } from '../api-client.ts';
import { followEvents } from '../follow.ts';
import type { JsonOption } from '../main.ts';
import { createProgressView } from '../output/progress-view.ts';

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
    onEvent: (event) => view.event(event),
    onProgress: (progress) => view.progress(progress),
    onReconnecting: (reason) => view.note(`… ${reason}; trying again`),
  });
  view.end();
  process.stdout.write(`${last.run.id} ${last.run.state}: ${last.run.message}\n`);
  return last.run.state === 'completed' ? 0 : 1;
}
