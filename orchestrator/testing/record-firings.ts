import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import { ScheduleSettings } from '@voxhelm/contracts/schedule';
import type { Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { type FiringInput, WORKFLOWS } from '../workflows/signals.ts';
import { HISTORIES, writeHistory } from './history-file.ts';
import type { Orchestra } from './orchestra.ts';
import { recordMissing } from './record-missing.ts';

/*
 * `node --import tsx orchestrator/testing/record-firings.ts`: records histories of a schedule's firings (the first champion,
 * nothing new, a challenger; one that fails) to tests/histories/, beside those of runs, where they are not there yet.
 */

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
  // One that fails is a history as well.
  await handle.result().catch(() => undefined);
  writeHistory(join(HISTORIES, `firing-${name}.json`), await handle.fetchHistory());
}

/** A dataset of so many cases with a schedule, in a folder of its own. */
async function scheduled(orchestra: Orchestra, name: string, cases: number) {
  const path = join(orchestra.home, name);
  for (const place of ['imagesTr', 'labelsTr']) await mkdir(join(path, place), { recursive: true });
  await addCases(path, 0, cases);
  const [datasetId, scheduleId] = [newId('ds'), newId('sch')];
  await orchestra.db.dataset.create({ data: { id: datasetId, name, path, workflowStarted: true } });
  const settings = ScheduleSettings.parse({
    trigger: { kind: 'interval', every: '1d' },
    run: { folds: 2, search: { trials: 1 }, plan: { steps: 5 } },
    start: 'both',
  }) as unknown as Prisma.InputJsonObject;
  await orchestra.db.schedule.create({ data: { id: scheduleId, name, datasetId, settings, synced: true } });
  return { path, scheduleId };
}

async function recordRetraining(orchestra: Orchestra): Promise<void> {
  const { path, scheduleId } = await scheduled(orchestra, 'retrained', 14);
  await record(orchestra, scheduleId, 'first');
  await record(orchestra, scheduleId, 'idle');
  await addCases(path, 14, 16);
  await record(orchestra, scheduleId, 'compared');
}

async function recordFailure(orchestra: Orchestra): Promise<void> {
  const { scheduleId } = await scheduled(orchestra, 'unreadable', 4);
  orchestra.trainer.analyze = async () => {
    throw ApplicationFailure.nonRetryable('no dataset', 'bad-dataset');
  };
  await record(orchestra, scheduleId, 'failed');
  orchestra.trainer.analyze = null;
}

await recordMissing({ 'firing-first': recordRetraining, 'firing-failed': recordFailure });
