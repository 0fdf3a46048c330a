import { TrialView } from '@voxhelm/contracts/api';
import { SearchInsight } from '@voxhelm/contracts/insight';
import type { Database } from '@voxhelm/prisma/client';
import { z } from 'zod';
import { notFound } from '../../errors.ts';
import { problemResponse } from '../../openapi.ts';
import { searchInsight } from '../../search-insight.ts';
import type { App, Services } from '../../services.ts';
import { trialsCsv } from '../../trials-csv.ts';
import { trialView } from '../../views.ts';

const params = z.object({ id: z.string() });

/** A run's search: what its trials tell, and all of them as a file. */
export function searchRoutes(app: App, { database }: Services): void {
  app.get(
    '/runs/:id/search',
    {
      schema: {
        tags: ['search'],
        summary: "What a run's search tells",
        description: 'History, importance of parameters (PED-ANOVA), rungs, and Dice against cost.',
        params,
        response: { 200: SearchInsight, ...problemResponse },
      },
    },
    ({ params: { id } }) => searchInsight(database, id),
  );

  app.get(
    '/runs/:id/trials.json',
    {
      schema: {
        tags: ['search'],
        summary: 'All trials of a run',
        params,
        response: { 200: z.array(TrialView), ...problemResponse },
      },
    },
    ({ params: { id } }) => allTrials(database, id),
  );

  app.get(
    '/runs/:id/trials.csv',
    {
      schema: {
        tags: ['search'],
        summary: 'All trials of a run as CSV',
        description:
          'A row a trial, a column for every parameter. `trial` counts from 1 as the pages do, `number` from 0 as elsewhere in the API.',
        params,
        response: { 200: z.string(), ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      const csv = trialsCsv(await allTrials(database, id));
      return reply
        .type('text/csv; charset=utf-8')
        .header('content-disposition', `attachment; filename="${id}-trials.csv"`)
        .send(csv);
    },
  );
}

async function allTrials(database: Database, runId: string): Promise<TrialView[]> {
  const run = await database.run.findUnique({
    where: { id: runId },
    select: { trials: { orderBy: { number: 'asc' } } },
  });
  if (run === null) throw notFound('run', runId);
  return run.trials.map(trialView);
}
