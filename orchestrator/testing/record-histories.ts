import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrainJob } from '@voxhelm/contracts/jobs';
import { RUN_SIGNALS, trialWorkflowId } from '../workflows/signals.ts';
import { writeHistory } from './history-file.ts';
import { eventually, type Orchestra, startOrchestra } from './orchestra.ts';

/*
 * `node --import tsx orchestrator/testing/record-histories.ts`: records one history of each way through the workflows to
 * tests/histories/, for workflows/replay.test.ts. Histories are kept for as long as runs of that version may be alive:
 * when a replay fails, the change to the workflow needs Temporal's `patched()`, not a new recording.
 */

/** Where recorded histories lie. */
export const HISTORIES = fileURLToPath(new URL('../../tests/histories/', import.meta.url));

const untilCancelled = (_: TrainJob, cancelled: Promise<never>): Promise<never> => cancelled;
const REQUEST = { folds: 2, search: { trials: 2, parallel: 2 }, plan: { steps: 5 } };

async function save(orchestra: Orchestra, name: string, workflowId: string, runId?: string): Promise<string | null> {
  const history = await orchestra.client.workflow.getHandle(workflowId, runId).fetchHistory();
  writeHistory(join(HISTORIES, `${name}.json`), history);
  const last = history.events?.at(-1)?.workflowExecutionContinuedAsNewEventAttributes;
  return last?.newExecutionRunId ?? null;
}

async function saveTrial(orchestra: Orchestra, name: string, runId: string): Promise<void> {
  const { id } = await orchestra.db.trial.findFirstOrThrow({ where: { runId }, orderBy: { number: 'asc' } });
  const workflowId = trialWorkflowId(id);
  const open = async () => (await orchestra.client.workflow.getHandle(workflowId).describe()).status.name;
  await eventually(open, (status) => status !== 'RUNNING');
  await save(orchestra, name, workflowId);
}

async function recordHappy(orchestra: Orchestra): Promise<void> {
  const { runId, handle } = await orchestra.submit(REQUEST);
  await handle.result();
  await save(orchestra, 'run-completed', handle.workflowId);
  await saveTrial(orchestra, 'trial-completed', runId);
}

async function recordPause(orchestra: Orchestra): Promise<void> {
  const { trainer } = orchestra;
  const before = trainer.jobs.length;
  trainer.train = untilCancelled;
  const { runId, handle } = await orchestra.submit(REQUEST);
  await eventually(
    async () => trainer.jobs.length,
    (jobs) => jobs === before + 2,
  );
  await handle.signal(RUN_SIGNALS.pause);
  const state = async () => (await orchestra.db.run.findUniqueOrThrow({ where: { id: runId } })).state;
  await eventually(state, (now) => now === 'paused');
  trainer.train = async () => ({});
  await handle.signal(RUN_SIGNALS.resume);
  await handle.result();
  await save(orchestra, 'run-paused-resumed', handle.workflowId);
  await saveTrial(orchestra, 'trial-paused-resumed', runId);
}

async function recordCancel(orchestra: Orchestra): Promise<void> {
  const { trainer } = orchestra;
  const before = trainer.jobs.length;
  trainer.train = untilCancelled;
  const { runId, handle } = await orchestra.submit(REQUEST);
  await eventually(
    async () => trainer.jobs.length,
    (jobs) => jobs === before + 2,
  );
  await handle.cancel();
  await handle.result().catch(() => undefined);
  trainer.train = async () => ({});
  await save(orchestra, 'run-cancelled', handle.workflowId);
  await saveTrial(orchestra, 'trial-cancelled', runId);
}

async function recordFailure(orchestra: Orchestra): Promise<void> {
  orchestra.trainer.train = async () => ({ outcome: 'diverged', reason: 'NaN', bestDice: null });
  const { handle } = await orchestra.submit(REQUEST);
  await handle.result().catch(() => undefined);
  orchestra.trainer.train = async () => ({});
  await save(orchestra, 'run-failed', handle.workflowId);
}

async function recordLives(orchestra: Orchestra): Promise<void> {
  const { handle, firstRunId } = await orchestra.submit(
    { ...REQUEST, search: { trials: 5, parallel: 2 } },
    { trialsPerLife: 2 },
  );
  await orchestra.client.workflow.getHandle(handle.workflowId).result();
  let life: string | null = firstRunId;
  for (let number = 1; life !== null; number++) {
    life = await save(orchestra, `run-continued-life-${number}`, handle.workflowId, life);
  }
}

async function main(): Promise<void> {
  await mkdir(HISTORIES, { recursive: true });
  for (const file of await readdir(HISTORIES)) await rm(join(HISTORIES, file));
  const orchestra = await startOrchestra();
  try {
    await recordHappy(orchestra);
    await recordPause(orchestra);
    await recordCancel(orchestra);
    await recordFailure(orchestra);
    await recordLives(orchestra);
  } finally {
    await orchestra.close();
  }
}

await main();
