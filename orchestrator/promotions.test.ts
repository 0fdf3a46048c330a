import { type Database, openDatabase } from '@voxhelm/prisma/client';
import { migrate } from '@voxhelm/prisma/migrate';
import { startTestPostgres, type TestPostgres } from '@voxhelm/prisma/testing/postgres';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { promote, rollBack } from './promotions.ts';

/* Who is champion, on a real database: at once, in the middle, and whoever writes. */

let postgres: TestPostgres;
let db: Database;
const datasetId = 'ds_1';
const RUNS = ['run_a', 'run_b', 'run_c'];

beforeAll(async () => {
  postgres = await startTestPostgres();
  await migrate(postgres.url);
  db = openDatabase(postgres.url);
  await db.dataset.create({ data: { id: datasetId, name: 'brains', path: '/x', workflowStarted: true } });
  for (const id of RUNS) {
    await db.run.create({ data: { id, requestSha256: '', request: {}, name: id, datasetId, seed: 0 } });
  }
});
afterAll(async () => {
  await db.$disconnect();
  await postgres.stop();
});

const change = (runId: string, kind: 'first' | 'better' = 'better') =>
  db.$transaction((transaction) =>
    promote(transaction, { datasetId, runId, kind, reason: 'Because.', by: 'test', comparison: null }),
  );
const champions = async () => (await db.champion.findMany()).map(({ runId }) => runId);

test('promotions at once take effect one after the other, each in place of the one before it', async () => {
  await change('run_a', 'first');
  await Promise.all([change('run_b'), change('run_c')]);
  const log = await db.promotion.findMany({ orderBy: { sequence: 'asc' } });
  expect(log.map(({ previousRunId }) => previousRunId)).toEqual([null, 'run_a', log[1]?.runId]);
  expect(await champions()).toEqual([log[2]?.runId]);
});

test('a connection that is cut in the middle of a promotion leaves the champion and the audit log as they were', async () => {
  const [before] = await champions();
  const cut = db.$transaction(async (transaction) => {
    await promote(transaction, {
      datasetId,
      runId: 'run_a',
      kind: 'better',
      reason: 'Because.',
      by: 'test',
      comparison: null,
    });
    const [own] = await transaction.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`;
    // As when the process is killed: the server sees the connection end.
    await db.$queryRaw`SELECT pg_terminate_backend(${own?.pid}::int)`;
    await transaction.champion.findMany();
  });
  await expect(cut).rejects.toThrow();
  expect(await champions()).toEqual([before]);
  expect(await db.promotion.count()).toBe(3);
});

test('rolled back, the one before is champion, also where the clock of who promoted it last was behind', async () => {
  const [, , last] = await db.promotion.findMany({ orderBy: { sequence: 'asc' } });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
  try {
    await change('run_a');
  } finally {
    vi.useRealTimers();
  }
  await rollBack(db, datasetId);
  expect(await champions()).toEqual([last?.runId]);
});

test('repeated rollbacks go farther back; what must stay cannot be removed', async () => {
  await rollBack(db, datasetId);
  await rollBack(db, datasetId);
  expect(await champions()).toEqual(['run_a']);
  await expect(rollBack(db, datasetId)).rejects.toMatchObject({ code: 'conflict' });
  await db.comparisonCase.create({ data: { datasetId, caseId: 'c', sha256: 's' } });
  await expect(db.champion.deleteMany()).rejects.toThrow(/kept for ever/);
  await expect(db.promotion.updateMany({ data: { reason: 'x' } })).rejects.toThrow(/kept for ever/);
  await expect(db.comparisonCase.deleteMany()).rejects.toThrow(/kept for ever/);
  await expect(db.comparisonCase.updateMany({ data: { caseId: 'd' } })).rejects.toThrow(/kept for ever/);
  await expect(db.champion.create({ data: { datasetId, runId: 'run_b', promotionId: 'x' } })).rejects.toThrow();
});
