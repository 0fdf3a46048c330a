import { join } from 'node:path';
import { ApplicationFailure } from '@temporalio/common';
import type { TrainJob } from '@voxhelm/contracts/jobs';
import { RUN_SIGNALS, trialWorkflowId } from '../workflows/signals.ts';
import { HISTORIES, writeHistory } from './history-file.ts';
import { eventually, type Orchestra } from './orchestra.ts';
import { recordMissing } from './record-missing.ts';

/*
 * `node --import tsx orchestrator/testing/record-histories.ts`: records to tests/histories/, for orchestrator/replay.test.ts, each of
 * these ways through a run's and a trial's workflow that is not there yet.
 */

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

/** Of three algorithms two are measured; for the third the budget has no time. */
async function recordMeasured(orchestra: Orchestra): Promise<void> {
  const { trainer } = orchestra;
  trainer.probe = ({ algorithm }) => ({ tookMs: algorithm === 'segresnet' ? 140_000 : 189_000 });
  const algorithms = ['segresnet', 'unet', 'dints'];
  const { handle } = await orchestra.submit({ algorithms, budget: '10m', folds: 1, search: { trials: 2 } });
  await handle.result();
  trainer.probe = null;
  await save(orchestra, 'run-several-measured', handle.workflowId);
}

/** Of three algorithms the second takes too long to be measured; the third crashes until no time is left to try again. */
async function recordMeasuringCut(orchestra: Orchestra): Promise<void> {
  const { trainer } = orchestra;
  const name = 'nearly over';
  trainer.analyze = async () => {
    await orchestra.db.run.updateMany({ where: { name }, data: { startedAt: new Date(Date.now() - 60_000) } });
  };
  trainer.probe = ({ algorithm }, cancelled) => {
    if (algorithm === 'unet') return cancelled;
    if (algorithm === 'dints') throw ApplicationFailure.create({ message: 'crashed', type: 'internal' });
    return { tookMs: 100, fuseCaseMs: 1 };
  };
  const algorithms = ['segresnet', 'unet', 'dints'];
  const { handle } = await orchestra.submit({ ...REQUEST, algorithms, name, budget: '90s' });
  await handle.result();
  trainer.analyze = null;
  trainer.probe = null;
  await save(orchestra, 'run-measuring-cut', handle.workflowId);
}

/** Two algorithms, the first measured within the budget. */
async function recordFirstInBudget(orchestra: Orchestra): Promise<void> {
  const algorithms = ['segresnet', 'unet'];
  const { handle } = await orchestra.submit({ algorithms, budget: '10m', folds: 1, search: { trials: 2 } });
  await handle.result();
  await save(orchestra, 'run-first-in-budget', handle.workflowId);
}

/** The first algorithm's measuring hangs until the budget is over: takes two minutes. */
async function recordFirstCut(orchestra: Orchestra): Promise<void> {
  orchestra.trainer.probe = (_, cancelled) => cancelled;
  const { handle } = await orchestra.submit({ budget: '90s' });
  await handle.result().catch(() => undefined);
  orchestra.trainer.probe = null;
  await save(orchestra, 'run-first-cut', handle.workflowId);
}

/** A run that waits for its trial longer than it goes without looking around: takes two minutes. */
async function recordLookAround(orchestra: Orchestra): Promise<void> {
  const { trainer } = orchestra;
  trainer.train = async () => {
    await new Promise((resolve) => setTimeout(resolve, 125_000));
    return {};
  };
  const { handle } = await orchestra.submit({ ...REQUEST, folds: 1, search: { trials: 1 } });
  await handle.result();
  trainer.train = async () => ({});
  await save(orchestra, 'run-looked-around', handle.workflowId);
}

await recordMissing({
  'run-completed': recordHappy,
  'run-paused-resumed': recordPause,
  'run-cancelled': recordCancel,
  'run-failed': recordFailure,
  'run-continued-life-1': recordLives,
  'run-several-measured': recordMeasured,
  'run-measuring-cut': recordMeasuringCut,
  'run-looked-around': recordLookAround,
  'run-first-in-budget': recordFirstInBudget,
  'run-first-cut': recordFirstCut,
});
