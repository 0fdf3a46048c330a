import { PageQuery } from '@voxhelm/contracts/api';
import { ChampionSet, ChampionView, SuggestionView } from '@voxhelm/contracts/api-schedules';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { SUGGESTION_MAPS } from '@voxhelm/contracts/suggestion-maps';
import { newId } from '@voxhelm/prisma/ids';
import { z } from 'zod';
import { promoteByHand, rollBack } from '../../../promotions.ts';
import { suggestionMapKey } from '../../../suggestion-maps.ts';
import { sendFile, verifiedPaths } from '../../download.ts';
import { notFound } from '../../errors.ts';
import { problemResponse } from '../../openapi.ts';
import { keyOf, page, pageOf } from '../../paging.ts';
import { registeredDataset } from '../../registered-dataset.ts';
import { championView, suggestionView } from '../../schedule-views.ts';
import type { App, Services } from '../../services.ts';

const params = z.object({ id: z.string() });
const SuggestionPage = pageOf(SuggestionView).meta({ id: 'SuggestionPage' });
const binary = {
  description: 'The file; with a Range header, 206 and that part of it. The ETag is its SHA-256.',
  content: { 'application/octet-stream': { schema: z.any() } },
};
const RangeHeaders = z.object({ range: z.string().optional(), 'if-range': z.string().optional() });

/** A dataset's champion: who it is, its bundle under one address, promotion by hand, rollback; and what to label next. */
export function championRoutes(app: App, { database, store, dispatcher }: Services): void {
  const pathOf = verifiedPaths(store);

  app.get(
    '/datasets/:id/champion',
    {
      schema: {
        tags: ['champions'],
        summary: "A dataset's champion, its comparison cases and the audit log of promotions",
        params,
        response: { 200: ChampionView, ...problemResponse },
      },
    },
    async ({ params: { id } }) => championView(database, await registeredDataset(database, id)),
  );

  app.get(
    '/datasets/:id/champion/bundle',
    {
      exposeHeadRoute: true,
      schema: {
        tags: ['champions'],
        summary: "The present champion's ensemble bundle: this address always gives it",
        params,
        headers: RangeHeaders,
        response: { 200: binary, 206: binary, ...problemResponse },
      },
    },
    async (request, reply) => {
      const dataset = await registeredDataset(database, request.params.id);
      const champion = await database.champion.findUnique({ where: { datasetId: dataset.id } });
      const row =
        champion === null
          ? null
          : await database.artifact.findFirst({ where: { runId: champion.runId, kind: 'ensemble-bundle' } });
      if (row === null) throw notFound('champion yet of dataset', dataset.id);
      const ref = { uri: row.uri, sha256: row.sha256, bytes: Number(row.bytes) };
      return sendFile(request, reply, { name: row.name, ref }, await pathOf(ref));
    },
  );

  app.post(
    '/datasets/:id/champion',
    {
      schema: {
        tags: ['champions'],
        summary: "Make a completed run's model the champion by hand",
        params,
        body: ChampionSet,
        response: { 200: ChampionView, ...problemResponse },
      },
    },
    async ({ params: { id }, body }) => {
      const dataset = await registeredDataset(database, id);
      await promoteByHand(database, store, dataset.id, body.run);
      return championView(database, dataset);
    },
  );

  app.post(
    '/datasets/:id/rollback',
    {
      schema: {
        tags: ['champions'],
        summary: 'Make the champion before the present one champion again',
        params,
        response: { 200: ChampionView, ...problemResponse },
      },
    },
    async ({ params: { id } }) => {
      const dataset = await registeredDataset(database, id);
      await rollBack(database, dataset.id);
      return championView(database, dataset);
    },
  );

  app.post(
    '/datasets/:id/suggestions',
    {
      schema: {
        tags: ['champions'],
        summary: 'Ask the champion which unlabelled cases to label next',
        description: 'Answers at once; the list is there when its state is "done".',
        params,
        response: { 202: SuggestionView, ...problemResponse },
      },
    },
    async ({ params: { id: word } }, reply) => {
      const dataset = await registeredDataset(database, word);
      const champion = await database.champion.findUnique({ where: { datasetId: dataset.id } });
      if (champion === null) {
        throw new VoxhelmError('conflict', `dataset "${dataset.name}" has no champion to ask`, {
          fix: `Make a completed run champion: voxhelm champion ${dataset.name} --set RUN.`,
        });
      }
      const id = newId('sug');
      const row = await database.suggestion.create({
        data: { id, datasetId: dataset.id, runId: champion.runId },
      });
      await dispatcher.kick();
      return reply
        .code(202)
        .header('location', `/v1/suggestions/${id}`)
        .send(await suggestionView(database, row));
    },
  );

  app.get(
    '/datasets/:id/suggestions',
    {
      schema: {
        tags: ['champions'],
        summary: 'Lists of what to label next, newest first',
        params,
        querystring: PageQuery,
        response: { 200: SuggestionPage, ...problemResponse },
      },
    },
    async ({ params: { id }, query }) => {
      const dataset = await registeredDataset(database, id);
      const after = keyOf(query.cursor);
      const rows = await database.suggestion.findMany({
        where: { datasetId: dataset.id, ...(after === undefined ? {} : { id: { lt: after } }) },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
      });
      const { items, nextCursor } = page(
        rows,
        query.limit,
        (row) => row.id,
        (row) => row,
      );
      return { items: await Promise.all(items.map((row) => suggestionView(database, row))), nextCursor };
    },
  );

  app.get(
    '/datasets/:id/suggestions/latest',
    {
      schema: {
        tags: ['champions'],
        summary: 'What to label next, as it was found last',
        params,
        response: { 200: SuggestionView, ...problemResponse },
      },
    },
    async ({ params: { id } }) => {
      const dataset = await registeredDataset(database, id);
      const row = await database.suggestion.findFirst({ where: { datasetId: dataset.id }, orderBy: { id: 'desc' } });
      if (row === null) throw notFound('suggestion yet of dataset', dataset.id);
      return suggestionView(database, row);
    },
  );

  app.get(
    '/suggestions/:id',
    {
      schema: {
        tags: ['champions'],
        summary: 'One list of what to label next',
        params,
        response: { 200: SuggestionView, ...problemResponse },
      },
    },
    async ({ params: { id } }) => {
      const row = await database.suggestion.findUnique({ where: { id } });
      if (row === null) throw notFound('suggestion', id);
      return suggestionView(database, row);
    },
  );

  for (const map of SUGGESTION_MAPS) {
    app.get(
      `/suggestions/:id/cases/:caseId/${map}`,
      {
        exposeHeadRoute: false,
        schema: {
          tags: ['champions'],
          summary:
            map === 'prediction'
              ? "The champion's label map of a case to label (NIfTI): something to begin from"
              : 'How unsure the champion is of a case to label at each voxel, 0 to 255 (NIfTI)',
          params: params.extend({ caseId: z.string() }),
          headers: RangeHeaders,
          response: { 200: binary, 206: binary, ...problemResponse },
        },
      },
      async (request, reply) => {
        const { id, caseId } = request.params;
        const row = await database.suggestion.findUnique({ where: { id } });
        if (row === null) throw notFound('suggestion', id);
        const { cases } = await suggestionView(database, row);
        const kept = cases.some((one) => one.caseId === caseId && one.maps);
        const ref = kept ? await store.find(suggestionMapKey(id, caseId, map)) : null;
        if (ref === null) throw notFound(`${map} map of case`, caseId);
        return sendFile(request, reply, { name: `${caseId}_${map}.nii.gz`, ref }, await pathOf(ref));
      },
    );
  }
}
