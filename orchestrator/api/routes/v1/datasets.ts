import { rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DatasetCreate, DatasetDetail, DatasetView, PageQuery } from '@voxhelm/contracts/api';
import { CorrectionCreate } from '@voxhelm/contracts/api-predictions';
import type { Database } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { toJson } from '@voxhelm/prisma/json';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { contentStore } from '../../content-store.ts';
import { layOutCorrection } from '../../dataset-correction.ts';
import { fieldError, notFound, parseRequest } from '../../errors.ts';
import { checkSameRequest, IdempotencyHeaders, lockName, requestSha256 } from '../../idempotency.ts';
import { problemResponse } from '../../openapi.ts';
import { keyOf, page, pageOf } from '../../paging.ts';
import { nameOf } from '../../run-create.ts';
import type { App, Services } from '../../services.ts';
import { type ReceivedArchive, receiveArchive, type UploadLimits } from '../../upload.ts';
import { datasetDetail, datasetInclude, datasetView } from '../../views.ts';

const DatasetPage = pageOf(DatasetView).meta({ id: 'DatasetPage' });
const params = z.object({ id: z.string() });

/** What may come beside an archive; JSON where it is not a plain word. */
const UploadFields = DatasetCreate.omit({ path: true });

/** Datasets: register, list, look at one. */
export function datasetRoutes(app: App, services: Services): void {
  const { database, dispatcher } = services;
  const content = contentStore(services.settings.home);

  app.post(
    '/datasets',
    {
      // A multipart body is a stream: it is checked in the handler, and openapi.ts describes it.
      schema: {
        tags: ['datasets'],
        summary: 'Register a dataset and check it',
        description:
          'JSON names a folder, dataset.json or task YAML on the server. `multipart/form-data` uploads an archive ' +
          '(`archive`: .zip or .tar.gz) with optional fields `name`, `modality`, `labels` (JSON).',
        consumes: ['application/json', 'multipart/form-data'],
        headers: IdempotencyHeaders,
        response: { 202: DatasetView, ...problemResponse },
      },
    },
    async (request, reply) => {
      const id = newId('ds');
      const key = request.headers['idempotency-key'];
      const created = request.isMultipart()
        ? await registerUpload(request, services, id, key)
        : await registerFolder(database, request.body, id, key);
      void dispatcher.kick();
      const row = await database.dataset.findUniqueOrThrow({ where: { id: created }, include: datasetInclude });
      return reply.code(202).header('location', `/v1/datasets/${created}`).send(datasetView(row));
    },
  );

  app.post(
    '/datasets/:id/corrections',
    {
      schema: {
        tags: ['datasets'],
        summary: 'A corrected label map, or a case more: makes a new dataset of the old one',
        description: 'The files come to /v1/uploads/files first (tus, with their SHA-256).',
        params,
        body: CorrectionCreate,
        response: { 202: DatasetView, ...problemResponse },
      },
    },
    async ({ params: { id: from }, body }, reply) => {
      const id = newId('ds');
      const folder = join(services.settings.home, 'datasets', id);
      let registered: string | undefined;
      try {
        const { name } = await layOutCorrection(database, content, from, body, folder);
        const key = `correction:${from}:${requestSha256(body)}`;
        registered = await register(database, id, { name, path: folder }, requestSha256(body), key);
      } finally {
        if (registered !== id) await rm(folder, { recursive: true, force: true });
      }
      void dispatcher.kick();
      const row = await database.dataset.findUniqueOrThrow({ where: { id: registered }, include: datasetInclude });
      return reply.code(202).header('location', `/v1/datasets/${registered}`).send(datasetView(row));
    },
  );

  app.get(
    '/datasets',
    {
      schema: {
        tags: ['datasets'],
        summary: 'Datasets, newest first',
        querystring: z.strictObject({ ...PageQuery.shape, name: z.string().optional() }),
        response: { 200: DatasetPage, ...problemResponse },
      },
    },
    async ({ query }) => {
      const after = keyOf(query.cursor);
      const rows = await database.dataset.findMany({
        where: {
          ...(after === undefined ? {} : { id: { lt: after } }),
          ...(query.name === undefined ? {} : { name: query.name }),
        },
        orderBy: { id: 'desc' },
        take: query.limit + 1,
        include: datasetInclude,
      });
      return page(rows, query.limit, (row) => row.id, datasetView);
    },
  );

  app.get(
    '/datasets/:id',
    {
      schema: {
        tags: ['datasets'],
        summary: 'One dataset with its checks and statistics',
        params,
        response: { 200: DatasetDetail, ...problemResponse },
      },
    },
    async ({ params: { id } }) => {
      const row = await database.dataset.findUnique({ where: { id }, include: datasetInclude });
      if (row === null) throw notFound('dataset', id);
      return datasetDetail(database, row);
    },
  );
}

async function registerFolder(database: Database, body: unknown, id: string, key: string | undefined): Promise<string> {
  const given = parseRequest(DatasetCreate, body, "the request's body");
  const path = resolve(given.path);
  if ((await stat(path).catch(() => null)) === null) {
    throw fieldError('/path', `"${path}" is not there, or this server may not read it`, {
      fix: 'Give an absolute path that the server can read, or upload an archive.',
    });
  }
  const dataset = { ...given, path };
  return register(database, id, dataset, requestSha256(dataset), key);
}

/** Receives and unpacks the archive, then registers its folder; the folder goes where that fails or was done before. */
async function registerUpload(
  request: FastifyRequest,
  { database, settings, uploadLimits }: Services,
  id: string,
  key: string | undefined,
): Promise<string> {
  const folder = join(settings.home, 'datasets', id);
  let registered: string | undefined;
  try {
    const { given, sha256, path } = await receiveForm(request, folder, uploadLimits);
    registered = await register(database, id, { ...given, path }, requestSha256({ ...given, archive: sha256 }), key);
    return registered;
  } finally {
    if (registered !== id) await rm(folder, { recursive: true, force: true });
  }
}

async function receiveForm(request: FastifyRequest, folder: string, limits: UploadLimits) {
  const fields: Record<string, unknown> = {};
  let archive: (ReceivedArchive & { fileName: string }) | undefined;
  for await (const part of request.parts()) {
    if (part.type === 'field') {
      fields[part.fieldname] = fieldValue(part.fieldname, part.value);
      continue;
    }
    if (part.fieldname !== 'archive') {
      throw fieldError(`/${part.fieldname}`, 'unknown file; send it as "archive"', { suggestion: 'archive' });
    }
    archive = { ...(await receiveArchive(part.file, part.filename, folder, limits)), fileName: part.filename };
  }
  const given = parseRequest(UploadFields, fields, 'the upload');
  if (archive === undefined) {
    throw fieldError('/archive', 'is missing', { fix: 'Send the dataset as a file field "archive".' });
  }
  const name = given.name ?? archive.fileName.replace(/(\.zip|\.tar|\.tgz|\.tar\.gz)$/i, '');
  return { given: { ...given, name }, path: archive.path, sha256: archive.sha256 };
}

/** Form fields are text: `labels` and a list of modalities come as JSON. */
function fieldValue(name: string, value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    throw fieldError(`/${name}`, 'is no JSON');
  }
}

/** One row for a dataset; the same key with the same request gives the row that is there already. */
export async function register(
  database: Database,
  id: string,
  given: DatasetCreate,
  sha256: string,
  key: string | undefined,
): Promise<string> {
  return database.$transaction(async (transaction) => {
    if (key !== undefined) {
      await lockName(transaction, `dataset-key:${key}`);
      const known = await transaction.dataset.findUnique({ where: { idempotencyKey: key } });
      if (known !== null) {
        checkSameRequest(key, known.requestSha256, sha256);
        return known.id;
      }
    }
    await transaction.dataset.create({
      data: {
        id,
        name: given.name ?? nameOf(given.path),
        path: given.path,
        givenModality: toJson(given.modality),
        givenLabels: toJson(given.labels),
        idempotencyKey: key ?? null,
        requestSha256: sha256,
      },
    });
    return id;
  });
}
