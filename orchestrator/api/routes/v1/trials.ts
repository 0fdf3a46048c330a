import {
  IntermediateReply,
  IntermediateReport,
  MetricBatch,
  ProgressUpdate,
  TrialScores,
  TrialView,
} from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { CaseScores } from '@voxhelm/contracts/evaluation';
import { fromJson } from '@voxhelm/prisma/json';
import { readTrialLogs, trialPrefix } from '@voxhelm/storage/trial-log';
import { z } from 'zod';
import { notFound } from '../../errors.ts';
import { problemResponse } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';
import { recordMetrics, recordProgress, recordReport } from '../../trainer-reports.ts';
import { trialView } from '../../views.ts';

const params = z.object({ trialId: z.string() });

const logText = {
  description: 'The log; empty before the first attempt.',
  content: { 'text/plain': { schema: z.string() } },
};

/** Trials: to read, and for trainers to tell of. */
export function trialRoutes(app: App, { database, workflows, store }: Services): void {
  app.get(
    '/trials/:trialId',
    { schema: { tags: ['trials'], summary: 'One trial', params, response: { 200: TrialView, ...problemResponse } } },
    async ({ params: { trialId } }) => {
      const row = await database.trial.findUnique({ where: { id: trialId } });
      if (row === null) throw notFound('trial', trialId);
      return trialView(row);
    },
  );

  app.get(
    '/trials/:trialId/scores',
    {
      schema: {
        tags: ['trials'],
        summary: "Scores of a trial's validation cases",
        params,
        response: { 200: TrialScores, ...problemResponse },
      },
    },
    async ({ params: { trialId } }) => {
      const row = await database.trial.findUnique({
        where: { id: trialId },
        select: { caseScores: { orderBy: { caseId: 'asc' } } },
      });
      if (row === null) throw notFound('trial', trialId);
      return { trialId, cases: row.caseScores.map(({ scores }) => fromJson('CaseScore.scores', CaseScores, scores)) };
    },
  );

  app.get(
    '/trials/:trialId/log',
    {
      schema: {
        tags: ['trials'],
        summary: "What a trial's attempts logged",
        description:
          'Text, the oldest attempt first: sizes and precision, each validation, warnings, what the libraries print, how it ended.',
        params,
        response: { 200: logText, ...problemResponse },
      },
    },
    async ({ params: { trialId } }, reply) => {
      const row = await database.trial.findUnique({ where: { id: trialId }, select: { runId: true, lease: true } });
      if (row === null) throw notFound('trial', trialId);
      const text = await readTrialLogs(store, trialPrefix(row.runId, trialId), row.lease);
      return reply.type('text/plain; charset=utf-8').send(text);
    },
  );

  app.post(
    '/trials/:trialId/stop',
    {
      schema: {
        tags: ['trials'],
        summary: 'Stop one trial; its run goes on without it',
        description: 'What it trained so far is not used. 409 where it has ended.',
        params,
        response: { 202: TrialView, ...problemResponse },
      },
    },
    async ({ params: { trialId } }, reply) => {
      const row = await database.trial.findUnique({ where: { id: trialId } });
      if (row === null) throw notFound('trial', trialId);
      if (row.state !== 'waiting' && row.state !== 'running') {
        throw new VoxhelmError('conflict', `trial "${trialId}" is ${row.state}, so it cannot be stopped`);
      }
      await workflows.stopTrial(trialId);
      return reply.code(202).send(trialView(row));
    },
  );

  app.post(
    '/trials/:trialId/metrics',
    {
      schema: {
        tags: ['trainer'],
        summary: 'Record metric points',
        description: 'A batch that comes twice changes nothing; 409 where the lease or attempt was replaced.',
        params,
        body: MetricBatch,
        response: { 204: z.undefined().describe('Recorded'), ...problemResponse },
      },
    },
    async ({ params: { trialId }, body }, reply) => {
      await recordMetrics(database, trialId, body);
      return reply.code(204).send();
    },
  );

  app.post(
    '/trials/:trialId/progress',
    {
      schema: {
        tags: ['trainer'],
        summary: 'Tell where a trial stands',
        params,
        body: ProgressUpdate,
        response: { 204: z.undefined().describe('Recorded'), ...problemResponse },
      },
    },
    async ({ params: { trialId }, body }, reply) => {
      await recordProgress(database, trialId, body);
      return reply.code(204).send();
    },
  );

  app.post(
    '/trials/:trialId/reports',
    {
      schema: {
        tags: ['trainer'],
        summary: 'Report a validation and ask whether to stop',
        description: 'The answer is recorded: a report that comes again gets the same one.',
        params,
        body: IntermediateReport,
        response: { 200: IntermediateReply, ...problemResponse },
      },
    },
    ({ params: { trialId }, body }) => recordReport(database, trialId, body),
  );
}
