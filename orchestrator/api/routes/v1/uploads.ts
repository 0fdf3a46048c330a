import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { DatasetView } from '@voxhelm/contracts/api';
import { UploadCreate, UploadView } from '@voxhelm/contracts/api-uploads';
import { toErrorRecord } from '@voxhelm/contracts/errors';
import { newId } from '@voxhelm/prisma/ids';
import { z } from 'zod';
import { contentStore } from '../../content-store.ts';
import { fieldError } from '../../errors.ts';
import { requestSha256 } from '../../idempotency.ts';
import { problemResponse } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';
import { datasetInclude, datasetView } from '../../views.ts';
import { register } from './datasets.ts';

const FILES = '/v1/uploads/files';
const params = z.object({ id: z.string() });

/** Uploading a dataset file by file, resumably. */
export function uploadRoutes(app: App, services: Services): void {
  const { database, dispatcher, settings, uploadLimits } = services;
  const content = contentStore(settings.home);

  app.post(
    '/uploads',
    {
      bodyLimit: 256 * 1024 * 1024,
      schema: {
        tags: ['datasets'],
        summary: 'Begin to upload a dataset: say what it is made of, learn what is missing',
        body: UploadCreate,
        response: { 201: UploadView, ...problemResponse },
      },
    },
    async ({ body }, reply) => {
      const bytes = body.files.reduce((sum, file) => sum + file.bytes, 0);
      if (bytes > uploadLimits.unpackedBytes || body.files.length > uploadLimits.entries) {
        throw fieldError('/files', `${body.files.length} files of ${bytes} bytes are more than this service takes`);
      }
      if (new Set(body.files.map(({ path }) => path)).size !== body.files.length) {
        throw fieldError('/files', 'a path is named twice');
      }
      const id = newId('up');
      await content.save(id, body);
      const missing = new Map<string, { sha256: string; bytes: number }>();
      for (const { sha256, bytes: size } of body.files) {
        if (!missing.has(sha256) && !(await content.has(sha256, size))) missing.set(sha256, { sha256, bytes: size });
      }
      return reply.code(201).send({ id, href: FILES, missing: [...missing.values()] });
    },
  );

  app.post(
    '/uploads/:id/complete',
    {
      schema: {
        tags: ['datasets'],
        summary: 'Make a dataset of an upload whose files are all there',
        description: 'May be asked again: the same upload stays the same dataset.',
        params,
        response: { 202: DatasetView, ...problemResponse },
      },
    },
    async ({ params: { id } }, reply) => {
      const upload = await content.load(id);
      const { files: _, choices: __, ...given } = upload;
      const datasetId = newId('ds');
      const folder = join(settings.home, 'datasets', datasetId);
      let registered: string | undefined;
      try {
        await content.layOut(upload, folder);
        registered = await register(
          database,
          datasetId,
          { ...given, path: folder },
          requestSha256(upload),
          `upload:${id}`,
        );
      } finally {
        if (registered !== datasetId) await rm(folder, { recursive: true, force: true });
      }
      void dispatcher.kick();
      const row = await database.dataset.findUniqueOrThrow({ where: { id: registered }, include: datasetInclude });
      return reply.code(202).header('location', `/v1/datasets/${registered}`).send(datasetView(row));
    },
  );

  const tus = new Server({
    path: FILES,
    datastore: new FileStore({ directory: content.incoming }),
    maxSize: uploadLimits.unpackedBytes,
    relativeLocation: true,
    disableTerminationForFinishedUploads: true,
    // The page comes from this origin; no other may send.
    allowedOrigins: () => false,
    async onUploadCreate(_, upload) {
      const sha256 = upload.metadata?.['sha256'] ?? '';
      if (!/^[0-9a-f]{64}$/.test(sha256)) throw { status_code: 400, body: 'the metadata "sha256" is missing' };
      return {};
    },
    async onUploadFinish(_, upload) {
      try {
        await content.take(join(content.incoming, upload.id), upload.metadata?.['sha256'] ?? '');
      } catch (error) {
        await rm(join(content.incoming, upload.id), { force: true });
        throw { status_code: 409, body: toErrorRecord(error).message };
      } finally {
        await rm(join(content.incoming, `${upload.id}.json`), { force: true });
      }
      return {};
    },
  });

  // The body is tus's to read.
  app.addContentTypeParser('application/offset+octet-stream', (_, __, done) => done(null));
  for (const url of ['/uploads/files', '/uploads/files/*']) {
    app.route({
      method: ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'],
      url,
      exposeHeadRoute: false,
      schema: { hide: true },
      handler: async (request, reply) => {
        reply.hijack();
        for (const [name, value] of Object.entries(reply.getHeaders()))
          if (value !== undefined) reply.raw.setHeader(name, value);
        await tus.handle(request.raw, reply.raw);
        return reply;
      },
    });
  }
}
