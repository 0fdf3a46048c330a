import { MetricCurve, PageQuery, RunDetail, RunView, TrialView } from '@voxhelm/contracts/api';
import { RunChange, RunRequest, RunState } from '@voxhelm/contracts/run';
import type { Database } from '@voxhelm/prisma/client';
import { z } from 'zod';
import { notFound } from '../../errors.ts';
import { IdempotencyHeaders } from '../../idempotency.ts';
import { curves } from '../../metrics.ts';
import { problemResponse } from '../../openapi.ts';
import { keyOf, page, pageOf } from '../../paging.ts';
import { listOf } from '../../query.ts';
import { changeRun } from '../../run-change.ts';
import { controlRun } from '../../run-control.ts';
import { checkRunRequest, createRun } from '../../run-create.ts';
import type { App, Services } from '../../services.ts';
import { runDetail, runDetailInclude, runInclude, runView, stepTotals, trialView } from '../../views.ts';

const RunPage = pageOf(RunView).meta({ id: 'RunPage' });
const TrialPage = pageOf(TrialView).meta({ id: 'TrialPage' });
const params = z.object({ id: z.string() });
const trialParams = z.object({ id: z.string(), trialId: z.string() });

const RunQuery = z.strictObject({
  ...PageQuery.shape,
  state: listOf(RunState).optional(),
  /** A dataset's id. */
  dataset: z.string().optional(),
  /** Part of the run's name, whatever its case. */
  name: z.string().optional(),
  /** Who submitted it, exactly as they called themselves. */
  submittedBy: z.string().optional(),
});
const SeriesQuery = z.strictObject({ series: listOf(z.string()).optional() });

const CONTROLS = {
  pause: 'Let the trainers save and stop; resume goes on from there',
  resume: 'Go on with a paused run',
  cancel: 'End a run for good; what is trained stays',
} as const;

/** Runs: submit, list, look at one, steer. */
export function runRoutes(app: App, services: Services): void {
  const { database, dispatcher, workflows } = services;

  app.post(
    '/runs',
    {
      schema: {
        tags: ['runs'],
        summary: 'Submit a run',
        description:
          'With an `Idempotency-Key`, the same request sent again answers the same run; another one is refused.',
        headers: IdempotencyHeaders,
        body: RunRequest,
        response: { 202: RunView, ...problemResponse },
      },
    },
    async (request, reply) => {
      checkRunRequest(request.body, services.algorithms);
      const { id, replayed } = await createRun(database, request.body, request.headers['idempotency-key']);
      void dispatcher.kick();
      if (replayed) reply.header('idempotency-replayed', 'true');
      return reply
        .code(202)
        .header('location', `/v1/runs/${id}`)
        .send(await viewOf(database, id));
    },
  );

  app.get(
    '/runs',
    {
      schema: {
        tags: ['runs'],
        summary: 'Runs, newest first',
        querystring: RunQuery,
        response: { 200: RunPage, ...problemResponse },
      },
    },
    async ({ query }) => {
      const after = keyOf(query.cursor);
      const rows = await database.run.findMany({
        where: {
          ...(after === undefined ? {} : { id: { lt: after } }),
          ...(query.state === undefined ? {} : { state: { in: query.state } }),
          ...(query.dataset === undefined ? {} : { datasetId: query.dataset }),
          ...(query.name === undefined ? {} : { name: { contains: query.name, mode: 'insensitive' as const } }),
          ...(query.submittedBy === undefined ? {} : { submittedBy: query.submittedBy }),
        },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
        include: runInclude,
      });
      const totals = await stepTotals(
        database,
        rows.map(({ id }) => id),
      );
      return page(
        rows,
        query.limit,
        (row) => row.id,
        (row) => runView(row, totals.get(row.id)),
      );
    },
  );

  app.get(
    '/runs/:id',
    {
      schema: {
        tags: ['runs'],
        summary: 'One run with its plans, trials, ensemble and scores',
        params,
        response: { 200: RunDetail, ...problemResponse },
      },
    },
    async ({ params: { id } }) => {
      const [row, totals] = await Promise.all([
        database.run.findUnique({ where: { id }, include: runDetailInclude }),
        stepTotals(database, [id]),
      ]);
      if (row === null) throw notFound('run', id);
      return runDetail(row, totals.get(id));
    },
  );

  app.get(
    '/runs/:id/trials',
    {
      schema: {
        tags: ['runs'],
        summary: "A run's trials in the order of their numbers",
        params,
        querystring: z.strictObject({ ...PageQuery.shape }),
        response: { 200: TrialPage, ...problemResponse },
      },
    },
    async ({ params: { id }, query }) => {
      await viewOf(database, id);
      const after = keyOf(query.cursor, /^\d{1,9}$/);
      const rows = await database.trial.findMany({
        where: { runId: id, ...(after === undefined ? {} : { number: { gt: Number(after) } }) },
        orderBy: { number: 'asc' },
        take: query.limit + 1,
      });
      return page(rows, query.limit, (row) => String(row.number), trialView);
    },
  );

  app.get(
    '/runs/:id/metrics',
    {
      schema: {
        tags: ['runs'],
        summary: 'Metric curves of all trials of a run',
        params,
        querystring: SeriesQuery,
        response: { 200: z.array(MetricCurve), ...problemResponse },
      },
    },
    async ({ params: { id }, query }) => {
      await viewOf(database, id);
      return curves(database, { trial: { runId: id } }, query.series);
    },
  );

  app.get(
    '/runs/:id/trials/:trialId/metrics',
    {
      schema: {
        tags: ['trials'],
        summary: 'Metric curves of one trial',
        params: trialParams,
        querystring: SeriesQuery,
        response: { 200: z.array(MetricCurve), ...problemResponse },
      },
    },
    async ({ params: { id, trialId }, query }) => {
      const trial = await database.trial.findFirst({ where: { id: trialId, runId: id }, select: { id: true } });
      if (trial === null) throw notFound('trial', trialId);
      return curves(database, { trialId }, query.series);
    },
  );

  app.patch(
    '/runs/:id',
    {
      schema: {
        tags: ['runs'],
        summary: 'Give a run that goes on another budget, or another number of search trials',
        description: '409 where it is over, or (for trials) its search is: branch it instead.',
        params,
        body: RunChange,
        response: { 200: RunView, ...problemResponse },
      },
    },
    async ({ params: { id }, body }) => {
      await changeRun(database, workflows, id, body);
      return viewOf(database, id);
    },
  );

  for (const [control, summary] of Object.entries(CONTROLS) as [keyof typeof CONTROLS, string][]) {
    app.post(
      `/runs/:id/${control}`,
      {
        schema: {
          tags: ['runs'],
          summary,
          description: 'May be asked again; 409 where the state does not allow it.',
          params,
          response: { 202: RunView, ...problemResponse },
        },
      },
      async ({ params: { id } }, reply) => {
        await controlRun(database, workflows, id, control);
        return reply.code(202).send(await viewOf(database, id));
      },
    );
  }
}

async function viewOf(database: Database, id: string): Promise<RunView> {
  const [row, totals] = await Promise.all([
    database.run.findUnique({ where: { id }, include: runInclude }),
    stepTotals(database, [id]),
  ]);
  if (row === null) throw notFound('run', id);
  return runView(row, totals.get(id));
}
