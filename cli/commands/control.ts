import { RunView } from '@voxhelm/contracts/api';
import { readSettings } from '@voxhelm/contracts/settings';
import { createApiClient } from '../api-client.ts';
import type { JsonOption } from '../main.ts';

/** Pauses, resumes or cancels a run. */
export async function control(
  action: 'pause' | 'resume' | 'cancel',
  run: string,
  options: JsonOption,
): Promise<number> {
  const view = await createApiClient(readSettings()).post(`/runs/${encodeURIComponent(run)}/${action}`, {}, RunView);
  if (options.json === true) process.stdout.write(`${JSON.stringify(view)}\n`);
  else process.stdout.write(`${view.id} is ${view.state}: ${view.message}\n`);
  return 0;
}
