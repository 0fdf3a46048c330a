import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ScheduleView } from '@voxhelm/contracts/api-schedules';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { endLostFirings, pruneLooks } from '../firing-end.ts';
import { startTestService, type TestService } from './testing/service.ts';

/* Schedules by the API where Temporal refuses, is away, or has lost a firing; tests/schedules has them with a real one. */

let service: TestService;
let dataset: string;
let syncSchedule: TestService['workflows']['syncSchedule'];

beforeAll(async () => {
  service = await startTestService();
  syncSchedule = service.workflows.syncSchedule;
  dataset = join(service.home, 'brains');
  for (const folder of ['imagesTr', 'labelsTr']) {
    await mkdir(join(dataset, folder), { recursive: true });
    await writeFile(join(dataset, folder, 'a.nii.gz'), 'x');
  }
});
afterAll(() => service.close());
afterEach(() => {
  service.workflows.syncSchedule = syncSchedule;
  service.workflows.away = null;
  service.workflows.over.clear();
});

const EVERY_DAY = { kind: 'interval', every: '1d' };

async function post(url: string, payload: object = {}) {
  const response = await service.app.inject({ method: 'POST', url, payload });
  return { status: response.statusCode, body: response.json() };
}

async function create(asked: object): Promise<ScheduleView> {
  const { status, body } = await post('/v1/schedules', { dataset, name: newId('sch'), trigger: EVERY_DAY, ...asked });
  expect(status, JSON.stringify(body)).toBe(201);
  return body as ScheduleView;
}

const show = async (id: string): Promise<ScheduleView> =>
  (await service.app.inject({ url: `/v1/schedules/${id}` })).json() as ScheduleView;

/** Rows made within a millisecond would have no order. */
let clockMs = Date.now() - 1_000_000;
const nextId = (): string => newId('fir', ++clockMs);

/** A firing's row, as an orchestrator writes it. */
async function firing(scheduleId: string, data: Partial<Prisma.FiringUncheckedCreateInput>): Promise<string> {
  const id = nextId();
  const row = { id, scheduleId, workflowKey: `firing-${id}/${id}`, scheduledAt: new Date(), ...data };
  await service.database.firing.create({ data: row });
  return id;
}

test.each([
  [{ kind: 'cron', expression: '99 99 * * *' }, 'expression'],
  [{ kind: 'cron', expression: 'a b c d e' }, 'expression'],
  [{ kind: 'cron', expression: '0 3 * * *', timeZone: 'Mars/Base' }, 'timeZone'],
  [{ kind: 'interval', every: '0s' }, 'every'],
  [{ kind: 'cases', count: 4, every: '0.5s' }, 'every'],
])('%j is refused when it is made, by its field', async (trigger, field) => {
  const { status, body } = await post('/v1/schedules', { dataset, trigger });
  expect([status, body.errors[0].pointer]).toEqual([400, `/trigger/${field}`]);
});

test('a schedule that Temporal refuses says so and holds up none behind it', async () => {
  const refused: string[] = [];
  service.workflows.syncSchedule = async (wanted) => {
    if (wanted.note !== 'bad' || service.workflows.away !== null) return syncSchedule(wanted);
    refused.push(wanted.id);
    throw new VoxhelmError('invalid-request', 'Temporal refuses to keep it: malformed');
  };
  service.workflows.away = new VoxhelmError('unavailable', 'Temporal is away');
  const bad = await create({ note: 'bad' });
  const good = await create({});
  service.workflows.away = null;
  expect((await create({})).synced).toBe(true);
  expect(await show(good.id)).toMatchObject({ synced: true, refusal: null });
  expect(await show(bad.id)).toMatchObject({
    synced: false,
    refusal: expect.stringContaining('malformed'),
    nextAt: [],
  });
  expect(await post(`/v1/schedules/${bad.id}/trigger`)).toMatchObject({
    status: 409,
    body: { detail: expect.stringContaining('malformed') },
  });
  expect(refused).toEqual([bad.id]);
  // Changed, it is asked for again; deleted, it is gone.
  expect((await post(`/v1/schedules/${bad.id}/pause`, { note: 'well' })).body).toMatchObject({
    refusal: null,
    synced: true,
  });
});

test('a trigger that Temporal does not take leaves nothing behind for the next firing', async () => {
  const { id } = await create({});
  service.workflows.away = new VoxhelmError('unavailable', 'Temporal is away');
  expect((await post(`/v1/schedules/${id}/trigger`)).status).toBe(503);
  const forced = async () => (await service.database.schedule.findUniqueOrThrow({ where: { id } })).forced;
  expect(await forced()).toBe(false);
  service.workflows.away = null;
  expect((await post(`/v1/schedules/${id}/trigger`)).status).toBe(202);
  expect(await forced()).toBe(true);
});

test('a firing whose workflow was terminated ends, and its failure is told once', async () => {
  const { id } = await create({});
  const hook = await post('/v1/webhooks', { url: 'http://127.0.0.1:9/x', events: ['schedule.failed'] });
  const lost = await firing(id, { state: 'retraining', findings: {} });
  const going = await firing(id, { state: 'comparing' });
  service.workflows.over.add(`firing-${lost}`);
  const isOpen = (workflowId: string) => service.workflows.isOpen(workflowId);
  expect(await endLostFirings(service.database, isOpen)).toBe(1);
  expect(await endLostFirings(service.database, isOpen)).toBe(0);
  const rows = await service.database.firing.findMany({ where: { scheduleId: id }, orderBy: { id: 'asc' } });
  expect(rows.map((row) => [row.id, row.state])).toEqual([
    [lost, 'failed'],
    [going, 'comparing'],
  ]);
  const told = await service.database.webhookDelivery.findMany({ where: { webhookId: hook.body.id } });
  expect(told.map(({ event }) => event)).toEqual(['schedule.failed']);
});

test('old looks go, but for those that retrained and both ends of each stretch of equal drift', async () => {
  const { id } = await create({});
  const finishedAt = new Date();
  const look = (drift: number | null) => firing(id, { state: 'idle', drift, finishedAt });
  const [begins, , ends] = [await look(1), await look(1), await look(1)];
  const kept = [begins, ends, await firing(id, { state: 'failed', findings: {}, finishedAt }), await look(2.5)];
  await look(null);
  await firing(id, { state: 'failed', finishedAt });
  const recent = Array.from({ length: 201 }, () => ({
    id: nextId(),
    scheduleId: id,
    workflowKey: newId('fir'),
    scheduledAt: finishedAt,
    state: 'idle',
    finishedAt,
  }));
  await service.database.firing.createMany({ data: recent });
  await service.database.$transaction((transaction) => pruneLooks(transaction, id));
  const left = await service.database.firing.findMany({ where: { scheduleId: id }, orderBy: { id: 'asc' } });
  expect(left.slice(0, kept.length).map((row) => row.id)).toEqual(kept);
  expect(left).toHaveLength(kept.length + 200);
});

test('looks that found nothing push no firing that did something off the page', async () => {
  const { id } = await create({});
  const finishedAt = new Date();
  const eventful = await firing(id, { state: 'failed', finishedAt });
  for (let look = 0; look < 55; look++) await firing(id, { state: 'idle', finishedAt });
  const { firings } = (await show(id)) as ScheduleView & { firings: { id: string }[] };
  expect(firings).toHaveLength(51);
  expect(firings.at(-1)?.id).toBe(eventful);
});
