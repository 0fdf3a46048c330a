import { RunView } from '@voxhelm/contracts/api';
import { readSettings } from '@voxhelm/contracts/settings';
import { z } from 'zod';
import { createApiClient } from '../api-client.ts';
import type { RunsOptions } from '../main.ts';
import { diceText, durationText, table } from '../output/format.ts';

/** Lists runs, newest first. */
export async function runs(options: RunsOptions): Promise<number> {
  const query = new URLSearchParams({
    limit: options.limit,
    ...(options.state === undefined ? {} : { state: options.state }),
    ...(options.submittedBy === undefined ? {} : { submittedBy: options.submittedBy }),
  });
  const page = await createApiClient(readSettings()).get(
    `/runs?${query}`,
    z.object({ items: z.array(RunView), nextCursor: z.string().nullable() }),
  );
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(page)}\n`);
  } else if (page.items.length === 0) {
    process.stdout.write(noneText(options));
  } else {
    const rows = page.items.map((run) => [
      run.id,
      run.name,
      run.state,
      run.stage,
      `${Math.round(run.progress * 100)} %`,
      diceText(run.bestDice),
      diceText(run.testDice),
      durationText(run.elapsedSeconds),
      run.submittedBy ?? '—',
    ]);
    const head = ['run', 'name', 'state', 'stage', 'done', 'best Dice', 'test Dice', 'time', 'who'];
    process.stdout.write(`${table(head, rows)}\n`);
  }
  return 0;
}

function noneText({ state, submittedBy }: RunsOptions): string {
  if (state === undefined && submittedBy === undefined)
    return 'No runs yet. Submit one: npx voxhelm submit samples/hippocampus\n';
  const whose = submittedBy === undefined ? '' : ` submitted by ${submittedBy}`;
  return state === undefined ? `No run was${whose}.\n` : `No run${whose} is ${state}.\n`;
}
