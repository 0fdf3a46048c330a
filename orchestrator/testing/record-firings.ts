import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import { ScheduleSettings } from '@voxhelm/contracts/schedule';
import type { Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { type FiringInput, WORKFLOWS } from '../workflows/signals.ts';
import { writeHistory } from './history-file.ts';
import { type Orchestra, startOrchestra } from './orchestra.ts';

/*
 * `node --import tsx orchestrator/testing/record-firings.ts`: records histories of a schedule's firings (the first champion,
 * nothing new, a challenger) to tests/histories/, beside those of runs; see record-histories.ts for when that may be done.
 */

const HISTORIES = fileURLToPath(new URL('../../tests/histories/', import.meta.url));

async function addCases(folder: string, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    for (const place of ['imagesTr', 'labelsTr'])
      await writeFile(join(folder, place, `case_${i}x.nii.gz`), String(100 + i));
  }
}

async function record(orchestra: Orchestra, scheduleId: string, name: string): Promise<void> {
  const input: FiringInput = { scheduleId };
  const handle = await orchestra.client.workflow.start(WORKFLOWS.firing, {
    workflowId: `firing-${name}`,
    taskQueue: TASK_QUEUES.orchestrator,
    args: [input],
  });
  await handle.result();
  writeHistory(join(HISTORIES, `firing-${name}.json`), await handle.fetchHistory());
}

async function main(): Promise<void> {
  const orchestra = await startOrchestra();
  try {
    const path = join(orchestra.home, 'dataset');
    for (const place of ['imagesTr', 'labelsTr']) await mkdir(join(path, place), { recursive: true });
    await addCases(path, 0, 14);
    const [datasetId, scheduleId] = [newId('ds'), newId('sch')];
    await orchestra.db.dataset.create({ data: { id: datasetId, name: 'made up', path, workflowStarted: true } });
    const settings = ScheduleSettings.parse({
      trigger: { kind: 'interval', every: '1d' },
      run: { folds: 2, search: { trials: 1 }, plan: { steps: 5 } },
      start: 'both',
    }) as unknown as Prisma.InputJsonObject;
    await orchestra.db.schedule.create({
      data: { id: scheduleId, name: 'made up', datasetId, settings, synced: true },
    });
    await record(orchestra, scheduleId, 'first');
    await record(orchestra, scheduleId, 'idle');
    await addCases(path, 14, 16);
    await record(orchestra, scheduleId, 'compared');
  } finally {
    await orchestra.close();
  }
}

await main();
