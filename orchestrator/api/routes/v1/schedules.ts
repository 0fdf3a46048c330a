import { PageQuery } from '@voxhelm/contracts/api';
import {
  Backfill,
  DriftPoint,
  FiringFilter,
  FiringView,
  ScheduleDetail,
  ScheduleNote,
  ScheduleView,
} from '@voxhelm/contracts/api-schedules';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { RunRequest } from '@voxhelm/contracts/run';
import { ScheduleCreate } from '@voxhelm/contracts/schedule';
import { type Database, Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { z } from 'zod';
import { checkScheduleStart } from '../../../start-source.ts';
import { notFound } from '../../errors.ts';
import { checkSameRequest, IdempotencyHeaders, lockName, requestSha256 } from '../../idempotency.ts';
import { problemResponse } from '../../openapi.ts';
import { keyOf, page, pageOf } from '../../paging.ts';
import { registeredDataset } from '../../registered-dataset.ts';
import { checkRunRequest, withDataset } from '../../run-create.ts';
import { driftOver, firingInclude, firingView, scheduleInclude, scheduleView } from '../../schedule-views.ts';
import type { App, Services } from '../../services.ts';
import { checkTrigger, type ScheduleTimes } from '../../temporal-schedules.ts';

const SchedulePage = pageOf(ScheduleView).meta({ id: 'SchedulePage' });
const FiringPage = pageOf(FiringView).meta({ id: 'FiringPage' });
const params = z.object({ id: z.string() });
/** Firings that a schedule's detail shows: so many of all, and of those that did more than look; the rest is paged. */
const FIRINGS_SHOWN = 50;
/** Points of drift over time: as many as a chart can show. */
const DRIFTS_SHOWN = 1_000;
/** Longer than a call waits for Temporal. */
const TRIGGER_WITHIN_MS = 15_000;

/** Schedules: make, list, look at one, pause, resume, trigger, backfill, delete. */
export function scheduleRoutes(app: App, services: Services): void {
  const { database, dispatcher, workflows } = services;

  /** Null where Temporal does not answer: the page is worth showing without the next times. */
  const timesOf = (id: string): Promise<ScheduleTimes | null> => workflows.describeSchedule(id).catch(() => null);

  async function viewOf(id: string) {
    const row = await findSchedule(database, id);
    return scheduleView(row, await timesOf(row.id));
  }

  async function change(id: string, data: Prisma.ScheduleUpdateInput) {
    const { id: found } = await findSchedule(database, id);
    await database.schedule.update({
      where: { id: found },
      data: { ...data, synced: false, refusal: null, revision: { increment: 1 } },
    });
    await dispatcher.kick();
    return viewOf(found);
  }

  app.post(
    '/schedules',
    {
      schema: {
        tags: ['schedules'],
        summary: 'Make a schedule that watches a dataset and retrains',
        description: 'With an `Idempotency-Key`, the same request sent again answers the same schedule.',
        headers: IdempotencyHeaders,
        body: ScheduleCreate,
        response: { 201: ScheduleView, ...problemResponse },
      },
    },
    async (request, reply) => {
      const { body } = request;
      checkTrigger(body.trigger);
      checkScheduleStart(body);
      checkRunRequest(RunRequest.parse({ ...body.run, dataset: body.dataset }), services.algorithms);
      const id = await createSchedule(database, body, request.headers['idempotency-key']);
      await dispatcher.kick();
      return reply
        .code(201)
        .header('location', `/v1/schedules/${id}`)
        .send(await viewOf(id));
    },
  );

  app.get(
    '/schedules',
    {
      schema: {
        tags: ['schedules'],
        summary: 'Schedules, newest first',
        querystring: z.strictObject({ ...PageQuery.shape, dataset: z.string().optional() }),
        response: { 200: SchedulePage, ...problemResponse },
      },
    },
    async ({ query }) => {
      const after = keyOf(query.cursor);
      const dataset = query.dataset === undefined ? null : await registeredDataset(database, query.dataset);
      const rows = await database.schedule.findMany({
        where: {
          deletedAt: null,
          ...(after === undefined ? {} : { id: { lt: after } }),
          ...(dataset === null ? {} : { datasetId: dataset.id }),
        },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
        include: scheduleInclude,
      });
      const times = new Map(await Promise.all(rows.map(async ({ id }) => [id, await timesOf(id)] as const)));
      return page(
        rows,
        query.limit,
        (row) => row.id,
        (row) => scheduleView(row, times.get(row.id) ?? null),
      );
    },
  );

  app.get(
    '/schedules/:id',
    {
      schema: {
        tags: ['schedules'],
        summary: 'One schedule with its last firings',
        params,
        response: { 200: ScheduleDetail, ...problemResponse },
      },
    },
    async ({ params: { id } }) => {
      const row = await findSchedule(database, id);
      const newest = (where: Prisma.FiringWhereInput) =>
        database.firing.findMany({
          where: { scheduleId: row.id, ...where },
          orderBy: { id: 'desc' },
          take: FIRINGS_SHOWN,
          include: firingInclude,
        });
      const [times, latest, eventful] = await Promise.all([
        timesOf(row.id),
        newest({}),
        // Looks that found nothing would push a retraining off the page within minutes.
        newest({ state: { not: 'idle' } }),
      ]);
      const firings = [...new Map([...latest, ...eventful].map((one) => [one.id, one])).values()];
      return {
        ...scheduleView(row, times),
        firings: firings.map(firingView),
        missed: times?.missed ?? null,
        skipped: times?.skipped ?? null,
      };
    },
  );

  app.get(
    '/schedules/:id/firings',
    {
      schema: {
        tags: ['schedules'],
        summary: 'All firings of a schedule, newest first',
        params,
        // "compared": only those in which a challenger was compared with the champion.
        querystring: z.strictObject({ ...PageQuery.shape, show: FiringFilter.default('all') }),
        response: { 200: FiringPage, ...problemResponse },
      },
    },
    async ({ params: { id }, query }) => {
      const { id: scheduleId } = await findSchedule(database, id);
      const after = keyOf(query.cursor);
      const rows = await database.firing.findMany({
        where: {
          scheduleId,
          ...(after === undefined ? {} : { id: { lt: after } }),
          ...(query.show === 'all' ? {} : { comparison: { not: Prisma.AnyNull } }),
        },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
        include: firingInclude,
      });
      return page(rows, query.limit, (row) => row.id, firingView);
    },
  );

  app.get(
    '/schedules/:id/drift',
    {
      schema: {
        tags: ['schedules'],
        summary: 'The drift that each firing measured, oldest first',
        description: `The last ${DRIFTS_SHOWN}. Of old looks that measured the same again and again, the first and the last are kept.`,
        params,
        response: { 200: z.object({ items: z.array(DriftPoint) }), ...problemResponse },
      },
    },
    async ({ params: { id } }) => {
      const { id: scheduleId } = await findSchedule(database, id);
      return { items: await driftOver(database, scheduleId, DRIFTS_SHOWN) };
    },
  );

  for (const [action, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post(
      `/schedules/:id/${action}`,
      {
        schema: {
          tags: ['schedules'],
          summary: paused ? 'Fire no more until it is resumed; a run that goes on is not touched' : 'Fire again',
          params,
          body: ScheduleNote.optional(),
          response: { 200: ScheduleView, ...problemResponse },
        },
      },
      ({ params: { id }, body }) => change(id, { paused, note: body?.note ?? null }),
    );
  }

  app.post(
    '/schedules/:id/trigger',
    {
      schema: {
        tags: ['schedules'],
        summary: 'Fire now and retrain, whatever the trigger says',
        params,
        response: { 202: ScheduleView, ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      const { id: found, refusal } = await findSchedule(database, id);
      if (refusal !== null) throw new VoxhelmError('conflict', `schedule ${found} cannot fire: ${refusal}`);
      await dispatcher.kick();
      await database.$transaction(
        async (transaction) => {
          // The firing that comes of it reads this row and waits for it; where Temporal does not take it, nothing was asked.
          await transaction.schedule.update({ where: { id: found }, data: { forced: true } });
          await workflows.triggerSchedule(found);
        },
        { timeout: TRIGGER_WITHIN_MS },
      );
      return reply.code(202).send(await viewOf(found));
    },
  );

  app.post(
    '/schedules/:id/backfill',
    {
      schema: {
        tags: ['schedules'],
        summary: 'Fire for each time that was due between two moments, one after the other',
        params,
        body: Backfill,
        response: { 202: ScheduleView, ...problemResponse },
      },
    },
    async ({ params: { id }, body }, reply) => {
      const { id: found } = await findSchedule(database, id);
      await workflows.backfillSchedule(found, new Date(body.from), new Date(body.to));
      return reply.code(202).send(await viewOf(found));
    },
  );

  app.delete(
    '/schedules/:id',
    {
      schema: {
        tags: ['schedules'],
        summary: 'End a schedule; its runs, firings and the champion stay',
        params,
        response: { 204: z.null().describe('It is gone.'), ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      const { id: found } = await findSchedule(database, id);
      await database.schedule.update({
        where: { id: found },
        data: { deletedAt: new Date(), synced: false, refusal: null, revision: { increment: 1 } },
      });
      await dispatcher.kick();
      return reply.code(204).send(null);
    },
  );
}

/** By id, or by name (the newest). */
async function findSchedule(database: Database, word: string) {
  const row = await database.schedule.findFirst({
    where: { deletedAt: null, OR: [{ id: word }, { name: word }] },
    orderBy: { id: 'desc' },
    include: scheduleInclude,
  });
  if (row === null) throw notFound('schedule', word);
  return row;
}

async function createSchedule(database: Database, body: ScheduleCreate, key: string | undefined): Promise<string> {
  const sha256 = requestSha256(body);
  const { dataset: word, name, paused, note, ...settings } = body;
  return withDataset(database, word, async (transaction, findOrRegister) => {
    if (key !== undefined) {
      await lockName(transaction, `schedule-key:${key}`);
      const known = await transaction.schedule.findUnique({ where: { idempotencyKey: key } });
      if (known !== null) {
        checkSameRequest(key, known.requestSha256, sha256);
        return known.id;
      }
    }
    const dataset = await findOrRegister();
    const shown = name ?? dataset.name;
    const taken = await transaction.schedule.findFirst({ where: { name: shown, deletedAt: null } });
    if (taken !== null) {
      throw new VoxhelmError('conflict', `schedule "${taken.id}" is named "${shown}" already`, {
        fix: 'Give another name, or delete that schedule.',
      });
    }
    const id = newId('sch');
    await transaction.schedule.create({
      data: {
        id,
        name: shown,
        datasetId: dataset.id,
        settings: settings as unknown as Prisma.InputJsonObject,
        paused,
        note: note ?? null,
        idempotencyKey: key ?? null,
        requestSha256: sha256,
      },
    });
    return id;
  });
}
