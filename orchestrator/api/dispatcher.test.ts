import { ScheduleSettings } from '@voxhelm/contracts/schedule';
import { toJson } from '@voxhelm/prisma/json';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDispatcher } from './dispatcher.ts';
import { fakeWorkflows, startTestService, type TestService } from './testing/service.ts';

let service: TestService;
beforeAll(async () => {
  service = await startTestService();
});
afterAll(() => service.close());

test('where two processes pass on the same schedule, Temporal ends with what the row says', async () => {
  const { database } = service;
  const dataset = await database.dataset.create({ data: { id: 'ds_1', name: 'd', path: '/d', workflowStarted: true } });
  const settings = toJson(ScheduleSettings.parse({ trigger: { kind: 'interval', every: '1d' } })) as object;
  const temporal: boolean[] = [];
  let letGo: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let entered: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const log = pino({ level: 'silent' });
  await database.schedule.create({ data: { id: 'sch_1', name: 's', datasetId: dataset.id, settings, synced: true } });
  const slow = startDispatcher(
    database,
    {
      ...fakeWorkflows(),
      syncSchedule: async ({ paused }) => {
        entered();
        await held;
        temporal.push(paused);
      },
    },
    log,
  );
  let quick: ReturnType<typeof startDispatcher> | null = null;
  const change = (paused: boolean) =>
    database.schedule.update({
      where: { id: 'sch_1' },
      data: { paused, synced: false, revision: { increment: 1 } },
    });
  try {
    await change(false);
    const first = slow.kick();
    await begun;
    // Begun only now: its own clock could pass the first change on before the slow one does.
    quick = startDispatcher(
      database,
      { ...fakeWorkflows(), syncSchedule: async ({ paused }) => void temporal.push(paused) },
      log,
    );
    await change(true);
    const second = quick.kick();
    await new Promise((resolve) => setTimeout(resolve, 300));
    letGo();
    await Promise.all([first, second]);
    await quick.kick();
    const row = await database.schedule.findUniqueOrThrow({ where: { id: 'sch_1' } });
    expect([temporal.at(-1), row.paused, row.synced]).toEqual([true, true, true]);
  } finally {
    letGo();
    await Promise.all([slow.stop(), quick?.stop()]);
  }
});
