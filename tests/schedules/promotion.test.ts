import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ScheduleView } from '@voxhelm/contracts/api-schedules';
import { createApp } from '@voxhelm/orchestrator/api/app';
import type { App } from '@voxhelm/orchestrator/api/services';
import { temporalWorkflows, type Workflows } from '@voxhelm/orchestrator/api/temporal';
import { eventually, type Orchestra, startOrchestra } from '@voxhelm/orchestrator/testing/orchestra';
import { afterAll, beforeAll, expect, test } from 'vitest';

/*
 * kill -9 of the orchestrator in the middle of a promotion: its transaction has written the audit log and waits for the
 * champion's row, which the test holds. Real Temporal, real PostgreSQL, the orchestrator a process of its own; the trainer is
 * made up.
 */

const WORKER = fileURLToPath(new URL('../../orchestrator/worker.ts', import.meta.url));

async function addCases(from: number, to: number): Promise<void> {
  for (const folder of ['imagesTr', 'labelsTr'])
    for (let i = from; i < to; i++) await writeFile(join(dataset, folder, `case_${i}x.nii.gz`), String(100 + i));
}

let orchestra: Orchestra;
let workflows: Workflows;
let app: App;
let orchestrator: ChildProcess;
let dataset: string;

function startWorker(): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', WORKER], {
    env: {
      ...process.env,
      DATABASE_URL: orchestra.databaseUrl,
      TEMPORAL_ADDRESS: orchestra.temporalAddress,
      VOXHELM_HOME: orchestra.home,
      VOXHELM_LOG_LEVEL: 'silent',
    },
    stdio: 'ignore',
  });
}

beforeAll(async () => {
  orchestra = await startOrchestra({ orchestrator: false });
  orchestrator = startWorker();
  workflows = temporalWorkflows({ temporalAddress: orchestra.temporalAddress, temporalNamespace: 'default' });
  const { db: database, store, home } = orchestra;
  const settings = { home, artifacts: join(home, 'artifacts'), apiKey: undefined };
  app = await createApp({ settings, database, store, workflows, algorithms: ['segresnet'] });
  dataset = await mkdtemp(join(home, 'dataset-'));
  for (const folder of ['imagesTr', 'labelsTr']) await mkdir(join(dataset, folder));
  await addCases(0, 14);
});
afterAll(async () => {
  orchestrator.kill('SIGKILL');
  await app.close();
  await workflows.close();
  await orchestra.close();
  await rm(dataset, { recursive: true, force: true });
});

const patiently = <T>(look: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> =>
  eventually(look, wanted, 120);

test('a promotion whose process is killed in the middle leaves the old champion; its second attempt the new one', async () => {
  const { db, trainer } = orchestra;
  const run = { folds: 2, search: { trials: 1 }, plan: { steps: 5 } };
  const trigger = { kind: 'cron', expression: '0 0 1 1 *' };
  const asked = { dataset, run, trigger, start: 'nothing' };
  const schedule = (await app.inject({ method: 'POST', url: '/v1/schedules', payload: asked })).json() as ScheduleView;
  const fire = () => app.inject({ method: 'POST', url: `/v1/schedules/${schedule.id}/trigger` });
  trainer.score = () => 0.7;
  await fire();
  const first = await patiently(
    () => db.champion.findFirst(),
    (champion) => champion !== null,
  );
  const firstRun = first?.runId ?? '';
  trainer.score = () => 0.9; // The champion's own scores are known.
  await addCases(14, 18);

  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const holding = db.$transaction(
    async (transaction) => {
      await transaction.$queryRaw`SELECT "runId" FROM "Champion" FOR UPDATE`;
      await held;
    },
    { timeout: 120_000 },
  );
  await fire();
  // The promotion has written its entry of the audit log, uncommitted, and waits for the champion's row.
  const waiting = () =>
    db.$queryRaw<{ pid: number }[]>`SELECT pid FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND query ILIKE '%"Champion"%' AND pid <> pg_backend_pid()`;
  await patiently(waiting, (found) => found.length > 0);
  const dead = once(orchestrator, 'exit');
  orchestrator.kill('SIGKILL');
  await dead;
  letGo();
  await holding;
  await sleep(500);
  expect(await db.champion.findMany({ select: { runId: true } })).toEqual([{ runId: firstRun }]);
  expect(await db.promotion.count()).toBe(1);

  orchestrator = startWorker();
  const [, second] = await patiently(
    () => db.firing.findMany({ orderBy: { id: 'asc' } }),
    (firings) => firings.every(({ finishedAt }) => finishedAt !== null),
  );
  expect(second).toMatchObject({ state: 'promoted', championRunId: firstRun });
  expect(await db.champion.findMany({ select: { runId: true } })).toEqual([{ runId: second?.challengerRunId }]);
  const log = await db.promotion.findMany({ orderBy: { sequence: 'asc' } });
  expect(log.map(({ kind, runId }) => [kind, runId])).toEqual([
    ['first', firstRun],
    ['better', second?.challengerRunId],
  ]);
});
