import { z } from 'zod';
import { sendFile, verifiedPaths } from '../../download.ts';
import { notFound } from '../../errors.ts';
import { problemResponse } from '../../openapi.ts';
import type { App, Services } from '../../services.ts';

/** Kind of the artifact that a run is for. */
const BUNDLE = 'ensemble-bundle';

const binary = {
  description: 'The file; with a Range header, 206 and that part of it. The ETag is its SHA-256.',
  content: { 'application/octet-stream': { schema: z.any() } },
};

const RangeHeaders = z.object({ range: z.string().optional(), 'if-range': z.string().optional() });

/** Downloads: only files that the database records, by their recorded hash. */
export function artifactRoutes(app: App, { database, store }: Services): void {
  const pathOf = verifiedPaths(store);

  app.get(
    '/artifacts/:id',
    {
      exposeHeadRoute: true,
      schema: {
        tags: ['artifacts'],
        summary: 'Download a file that a run left',
        params: z.object({ id: z.string() }),
        headers: RangeHeaders,
        response: { 200: binary, 206: binary, ...problemResponse },
      },
    },
    async (request, reply) => {
      const row = await database.artifact.findUnique({ where: { id: request.params.id } });
      if (row === null) throw notFound('artifact', request.params.id);
      const ref = { uri: row.uri, sha256: row.sha256, bytes: Number(row.bytes) };
      return sendFile(request, reply, { name: row.name, ref }, await pathOf(ref));
    },
  );

  app.get(
    '/runs/:id/bundle',
    {
      exposeHeadRoute: true,
      schema: {
        tags: ['artifacts'],
        summary: "Download the run's ensemble bundle",
        params: z.object({ id: z.string() }),
        headers: RangeHeaders,
        response: { 200: binary, 206: binary, ...problemResponse },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const run = await database.run.findUnique({ where: { id }, select: { artifacts: { where: { kind: BUNDLE } } } });
      if (run === null) throw notFound('run', id);
      const [row] = run.artifacts;
      if (row === undefined) throw notFound('ensemble bundle yet of run', id);
      const ref = { uri: row.uri, sha256: row.sha256, bytes: Number(row.bytes) };
      return sendFile(request, reply, { name: row.name, ref }, await pathOf(ref));
    },
  );
}
