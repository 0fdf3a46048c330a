import { RunDetail } from '@voxhelm/contracts/api';
import { readSettings } from '@voxhelm/contracts/settings';
import { createApiClient } from '../api-client.ts';
import type { JsonOption } from '../main.ts';
import { runReport } from '../output/run-report.ts';

/** One run with its stage, plans, trials, ensemble and scores. */
export async function show(run: string, options: JsonOption): Promise<number> {
  const detail = await createApiClient(readSettings()).get(`/runs/${encodeURIComponent(run)}`, RunDetail);
  process.stdout.write(`${options.json === true ? JSON.stringify(detail) : runReport(detail)}\n`);
  return 0;
}
