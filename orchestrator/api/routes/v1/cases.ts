import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { RunCases } from '@voxhelm/contracts/api-cases';
import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Database } from '@voxhelm/prisma/client';
import { fromJsonOrNull } from '@voxhelm/prisma/json';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { runCases } from '../../case-views.ts';
import { sendFile, verifiedPaths } from '../../download.ts';
import { notFound } from '../../errors.ts';
import { problemResponse } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';

const volume = {
  description: 'The volume as NIfTI, as it lies on disk.',
  content: { 'application/octet-stream': { schema: z.any() } },
};
const RangeHeaders = z.object({ range: z.string().optional(), 'if-range': z.string().optional() });
const ENSEMBLE = 'ensemble';

/** The cases of runs and datasets: their images, labels, predictions and scores. */
export function caseRoutes(app: App, { database, store }: Services): void {
  const pathOf = verifiedPaths(store);

  app.get(
    '/runs/:id/cases',
    {
      schema: {
        tags: ['runs'],
        summary: "A run's cases with each model's scores",
        params: z.object({ id: z.string() }),
        response: { 200: RunCases, ...problemResponse },
      },
    },
    ({ params: { id } }) => runCases(database, id),
  );

  for (const owner of ['runs', 'datasets'] as const) {
    app.get(
      `/${owner}/:id/cases/:caseId/image`,
      {
        exposeHeadRoute: false,
        schema: {
          tags: [owner],
          summary: "A case's image",
          params: z.object({ id: z.string(), caseId: z.string() }),
          querystring: z.strictObject({ channel: z.coerce.number().int().nonnegative().default(0) }),
          response: { 200: volume, ...problemResponse },
        },
      },
      async ({ params: { id, caseId }, query: { channel } }, reply) => {
        const { images } = await caseOf(database, owner, id, caseId);
        const path = images[channel];
        if (path === undefined) throw notFound('channel', String(channel));
        return sendVolume(reply, path);
      },
    );
    app.get(
      `/${owner}/:id/cases/:caseId/label`,
      {
        exposeHeadRoute: false,
        schema: {
          tags: [owner],
          summary: "A case's label map",
          params: z.object({ id: z.string(), caseId: z.string() }),
          response: { 200: volume, ...problemResponse },
        },
      },
      async ({ params: { id, caseId } }, reply) => {
        const { label } = await caseOf(database, owner, id, caseId);
        if (label === null) throw notFound('label of case', caseId);
        return sendVolume(reply, label);
      },
    );
  }

  app.get(
    '/runs/:id/cases/:caseId/entropy/ensemble',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['runs'],
        summary: 'How unsure the ensemble is of a test case: entropy over members and mirrored views, 0 to 255',
        params: z.object({ id: z.string(), caseId: z.string() }),
        headers: RangeHeaders,
        response: { 200: volume, 206: volume, ...problemResponse },
      },
    },
    async (request, reply) => {
      const { id, caseId } = request.params;
      const ref = await ensembleFile(database, store, id, caseId, '.entropy.nii.gz');
      if (ref === null) throw notFound('entropy map of case', caseId);
      return sendFile(request, reply, { name: `${caseId}_entropy.nii.gz`, ref }, await pathOf(ref));
    },
  );

  for (const kind of ['labelMap', 'probabilities'] as const) {
    app.get(
      `/runs/:id/cases/:caseId/${kind === 'labelMap' ? 'predictions' : 'probabilities'}/:model`,
      {
        exposeHeadRoute: false,
        schema: {
          tags: ['runs'],
          summary:
            kind === 'labelMap'
              ? 'A model\'s prediction of a case: a trial\'s id, or "ensemble"'
              : "A trial's class probabilities of a validation case (safetensors, one byte a value)",
          params: z.object({ id: z.string(), caseId: z.string(), model: z.string() }),
          headers: RangeHeaders,
          response: { 200: volume, 206: volume, ...problemResponse },
        },
      },
      async (request, reply) => {
        const { id, caseId, model } = request.params;
        const ref =
          model === ENSEMBLE && kind === 'labelMap'
            ? await ensembleFile(database, store, id, caseId, '.nii.gz')
            : await trialPrediction(database, id, caseId, model, kind);
        if (ref === null) throw notFound(`prediction by "${model}" of case`, caseId);
        const name = `${caseId}_${model}${kind === 'labelMap' ? '.nii.gz' : '.safetensors'}`;
        return sendFile(request, reply, { name, ref }, await pathOf(ref));
      },
    );
  }
}

const Paths = z.array(z.string());

async function caseOf(database: Database, owner: 'runs' | 'datasets', id: string, caseId: string) {
  const found =
    owner === 'runs'
      ? await database.run.findUnique({ where: { id }, select: { analysisId: true } })
      : await database.dataset.findUnique({ where: { id }, select: { analysisId: true } });
  if (found === null) throw notFound(owner === 'runs' ? 'run' : 'dataset', id);
  const row =
    found.analysisId === null
      ? null
      : await database.datasetCase.findFirst({
          where: { analysisId: found.analysisId, caseId },
          orderBy: { position: 'asc' },
          select: { images: true, label: true },
        });
  if (row === null) throw notFound('case', caseId);
  return { images: Paths.parse(row.images), label: row.label };
}

/** Only files that the dataset's check recorded come here; the dataset is the user's own and may have moved. */
async function sendVolume(reply: FastifyReply, path: string): Promise<FastifyReply> {
  const found = await stat(path).catch(() => null);
  if (found?.isFile() !== true) {
    throw new VoxhelmError('not-found', `${path} is not there any more`, {
      fix: 'Put the file back, or check the dataset anew.',
    });
  }
  reply.headers({
    'content-type': 'application/octet-stream',
    'content-length': found.size,
    'cache-control': 'private, no-cache',
  });
  return reply.send(createReadStream(path));
}

async function ensembleFile(
  database: Database,
  store: Services['store'],
  runId: string,
  caseId: string,
  extension: '.nii.gz' | '.entropy.nii.gz',
): Promise<ArtifactRef | null> {
  const known = await database.caseScore.findUnique({ where: { ownerId_caseId: { ownerId: runId, caseId } } });
  // The ensembler leaves its test predictions here (ensembler/test-cases.ts).
  return known === null ? null : store.find(`runs/${runId}/ensemble/test/${caseId}${extension}`);
}

async function trialPrediction(
  database: Database,
  runId: string,
  caseId: string,
  trialId: string,
  kind: 'labelMap' | 'probabilities',
): Promise<ArtifactRef | null> {
  const row = await database.caseScore.findUnique({ where: { ownerId_caseId: { ownerId: trialId, caseId } } });
  return row?.runId === runId ? fromJsonOrNull(`CaseScore.${kind}`, ArtifactRef, row[kind]) : null;
}
