import { PredictionCreate, PredictionView } from '@voxhelm/contracts/api-predictions';
import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { newId } from '@voxhelm/prisma/ids';
import { z } from 'zod';
import { predictionWorkflowId } from '../../../workflows/signals.ts';
import { contentStore } from '../../content-store.ts';
import { sendFile, verifiedPaths } from '../../download.ts';
import { notFound } from '../../errors.ts';
import { problemResponse } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';

const BUNDLE = 'ensemble-bundle';
const MOST_CHANNELS = 32;
const params = z.object({ id: z.string().regex(/^pred_[0-9a-z]+$/, 'the id of a prediction') });
const file = {
  description: 'The label map as NIfTI.',
  content: { 'application/octet-stream': { schema: z.any() } },
};

const labelKey = (id: string): string => `predictions/${id}/label.nii.gz`;
const imageKey = (id: string, channel: number): string => `predictions/${id}/image-${channel}`;

/** Trying a run's ensemble out on a trainer: for images that are too much for a browser. */
export function predictionRoutes(app: App, { database, store, workflows, settings }: Services): void {
  const content = contentStore(settings.home);
  const pathOf = verifiedPaths(store);

  app.post(
    '/runs/:id/predictions',
    {
      schema: {
        tags: ['predictions'],
        summary: "Segment an image by a run's ensemble, on a trainer",
        description: 'The image comes to /v1/uploads/files first (tus, with its SHA-256).',
        params: z.object({ id: z.string() }),
        body: PredictionCreate,
        response: { 202: PredictionView, ...problemResponse },
      },
    },
    async ({ params: { id: runId }, body }, reply) => {
      const run = await database.run.findUnique({
        where: { id: runId },
        select: { artifacts: { where: { kind: BUNDLE } } },
      });
      if (run === null) throw notFound('run', runId);
      const [bundle] = run.artifacts;
      if (bundle === undefined) throw notFound('ensemble bundle yet of run', runId);
      const paths = [];
      for (const image of body.images) paths.push(await content.path(image));
      const id = newId('pred');
      const images: ArtifactRef[] = [];
      for (const [channel, path] of paths.entries()) images.push(await store.writeFile(imageKey(id, channel), path));
      for (const { sha256 } of body.images) await content.release(sha256);
      await workflows.startPrediction(id, {
        kind: 'predict',
        bundle: { uri: bundle.uri, sha256: bundle.sha256, bytes: Number(bundle.bytes) },
        images,
        labelKey: labelKey(id),
      });
      return reply.code(202).header('location', `/v1/predictions/${id}`).send(waiting(id));
    },
  );

  app.get(
    '/predictions/:id',
    {
      schema: {
        tags: ['predictions'],
        summary: 'Where a prediction stands',
        params,
        response: { 200: PredictionView, ...problemResponse },
      },
    },
    async ({ params: { id } }): Promise<PredictionView> => {
      if ((await store.find(labelKey(id))) !== null) {
        return { id, state: 'completed', message: 'Done.', href: `/v1/predictions/${id}/label` };
      }
      const failure = await workflows.predictionFailure(id);
      if (failure !== null) return { id, state: 'failed', message: failure, href: null };
      const jobs = (await workflows.activity([predictionWorkflowId(id)])).get(predictionWorkflowId(id)) ?? [];
      const [job] = jobs;
      if (job?.state === 'working') {
        return { id, state: 'running', message: `A trainer (${job.worker ?? 'one'}) computes it.`, href: null };
      }
      if (job?.state === 'retrying') {
        return { id, state: 'waiting', message: `Once more: ${job.lastFailure ?? 'the trainer was lost'}`, href: null };
      }
      return waiting(id);
    },
  );

  app.get(
    '/predictions/:id/label',
    {
      exposeHeadRoute: false,
      schema: {
        tags: ['predictions'],
        summary: "A prediction's label map",
        params,
        response: { 200: file, 206: file, ...problemResponse },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const ref = await store.find(labelKey(id));
      if (ref === null) throw notFound('label map yet of prediction', id);
      return sendFile(request, reply, { name: `${id}.nii.gz`, ref }, await pathOf(ref));
    },
  );

  app.delete(
    '/predictions/:id',
    {
      schema: {
        tags: ['predictions'],
        summary: 'End a prediction and delete its image and label map',
        params,
        response: { 204: z.undefined().describe('Deleted'), ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      await workflows.cancelPrediction(id);
      await store.remove(labelKey(id));
      for (let channel = 0; channel < MOST_CHANNELS; channel += 1) await store.remove(imageKey(id, channel));
      return reply.code(204).send();
    },
  );
}

function waiting(id: string): PredictionView {
  return { id, state: 'waiting', message: 'It waits for a trainer that is free.', href: null };
}
