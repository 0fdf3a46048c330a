import { TrialView } from '@voxhelm/contracts/api';
import { SearchInsight } from '@voxhelm/contracts/insight';
import { readSettings } from '@voxhelm/contracts/settings';
import { z } from 'zod';
import { createApiClient } from '../api-client.ts';
import type { TrialsOptions } from '../main.ts';
import { searchReport } from '../output/search-report.ts';

/** What a run's search found: for people, or all trials as JSON or CSV. */
export async function trials(run: string, options: TrialsOptions): Promise<number> {
  const client = createApiClient(readSettings());
  const path = `/runs/${encodeURIComponent(run)}`;
  if (options.csv === true) process.stdout.write(await (await client.raw(`${path}/trials.csv`)).text());
  else if (options.json === true) {
    process.stdout.write(`${JSON.stringify(await client.get(`${path}/trials.json`, z.array(TrialView)))}\n`);
  } else process.stdout.write(`${searchReport(await client.get(`${path}/search`, SearchInsight))}\n`);
  return 0;
}
