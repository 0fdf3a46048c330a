import { setTimeout as sleep } from 'node:timers/promises';
import { RunView } from '@voxhelm/contracts/api';
import { FINAL_RUN_STATES, type RunState } from '@voxhelm/contracts/run';
import { readSettings } from '@voxhelm/contracts/settings';
import { createApiClient } from '../api-client.ts';
import type { JsonOption } from '../main.ts';

/** States that show that a request has arrived at the run's workflow. */
const HEEDED: Readonly<Record<'pause' | 'resume' | 'cancel', readonly RunState[]>> = {
  pause: ['pausing', 'paused'],
  resume: ['running'],
  cancel: ['cancelling', 'cancelled'],
};

/** A trainer hears of a pause within 5 s. */
const HEED_WITHIN_MS = 8_000;

/** Pauses, resumes or cancels a run, and tells what became of it. */
export async function control(
  action: 'pause' | 'resume' | 'cancel',
  run: string,
  options: JsonOption,
): Promise<number> {
  const client = createApiClient(readSettings());
  const path = `/runs/${encodeURIComponent(run)}`;
  let view = await client.post(`${path}/${action}`, {}, RunView);
  const heeded = (): boolean => HEEDED[action].includes(view.state) || FINAL_RUN_STATES.includes(view.state);
  for (const deadline = performance.now() + HEED_WITHIN_MS; !heeded() && performance.now() < deadline; ) {
    await sleep(500);
    view = await client.get(path, RunView);
  }
  if (options.json === true) process.stdout.write(`${JSON.stringify(view)}\n`);
  else if (heeded()) process.stdout.write(`${view.id} is ${view.state}: ${view.message}\n`);
  else process.stdout.write(`${view.id} was asked to ${action}; it is still ${view.state}: ${view.message}\n`);
  return 0;
}
