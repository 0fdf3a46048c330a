import { TrialView } from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { SearchInsight } from '@voxhelm/contracts/insight';
import { readSettings } from '@voxhelm/contracts/settings';
import { counted } from '@voxhelm/contracts/words';
import { z } from 'zod';
import { type ApiClient, createApiClient } from '../api-client.ts';
import type { TrialsOptions } from '../main.ts';
import { searchReport } from '../output/search-report.ts';

/** What a run's search found: for people, or all trials as JSON or CSV; or one trial's log. */
export async function trials(run: string, options: TrialsOptions): Promise<number> {
  const client = createApiClient(readSettings());
  const path = `/runs/${encodeURIComponent(run)}`;
  if (options.log !== undefined) process.stdout.write(await logOf(client, run, options.log));
  else if (options.csv === true) process.stdout.write(await (await client.raw(`${path}/trials.csv`)).text());
  else if (options.json === true) {
    process.stdout.write(`${JSON.stringify(await client.get(`${path}/trials.json`, z.array(TrialView)))}\n`);
  } else process.stdout.write(`${searchReport(await client.get(`${path}/search`, SearchInsight))}\n`);
  return 0;
}

/** The log of the trial with this number, counted from 1 as everywhere. */
async function logOf(client: ApiClient, run: string, number: string): Promise<string> {
  const all = await client.get(`/runs/${encodeURIComponent(run)}/trials.json`, z.array(TrialView));
  const trial = all.find((each) => each.number + 1 === Number(number));
  if (trial === undefined) {
    throw new VoxhelmError('not-found', `run "${run}" has no trial ${number}: it has ${counted(all.length, 'trial')}`, {
      fix: `Look at "npx voxhelm trials ${run}".`,
    });
  }
  return (await client.raw(`/trials/${trial.id}/log`)).text();
}
