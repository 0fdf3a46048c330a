import { createRequire } from 'node:module';
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import { Problem } from '@voxhelm/contracts/api';
import type { FastifyInstance } from 'fastify';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';

/** Version of the product, as the root package states it. */
export const VERSION = (createRequire(import.meta.url)('../package.json') as { version: string }).version;

/** Every route's answer where it refuses or fails. */
export const problemResponse = {
  default: {
    description: 'Refused or failed: a problem document (RFC 9457) that names each wrong field.',
    content: { 'application/problem+json': { schema: Problem } },
  },
} as const;

/** Scripts and styles of this origin alone; nothing is fetched from elsewhere. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/** OpenAPI 3.1 from the routes' own zod schemas at /v1/openapi.json, and interactive documentation at /docs (offline). */
export async function registerOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(fastifySwagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Voxhelm',
        version: VERSION,
        description: 'AutoML for 3-D medical image segmentation: datasets in, ensemble bundles out.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } as { name: string },
      },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }, {}],
      tags: [
        { name: 'datasets', description: 'Labelled images: checked, fingerprinted, analysed.' },
        { name: 'runs', description: 'One submission, end to end.' },
        { name: 'trials', description: 'One configuration trained on one fold.' },
        { name: 'search', description: 'What a study tells: history, importance, rungs, costs.' },
        { name: 'predictions', description: 'Trying an ensemble out on an image.' },
        { name: 'schedules', description: 'What watches a dataset and retrains.' },
        { name: 'champions', description: "A dataset's model in use, who was before, and what to label next." },
        { name: 'webhooks', description: 'Who is told what happens.' },
        { name: 'artifacts', description: 'Files that runs leave, by SHA-256.' },
        { name: 'trainer', description: 'What trainers tell while they work.' },
        { name: 'system', description: 'Is it up, and what is it.' },
      ],
    },
    transform: jsonSchemaTransform,
    transformObject: (document) => complete(jsonSchemaTransformObject(document) as OpenApiDocument) as never,
  });
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    uiConfig: { url: '/v1/openapi.json' },
    staticCSP: DOCS_POLICY,
    logLevel: 'warn',
  });
  app.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}

interface OpenApiDocument {
  paths?: Record<string, Record<string, unknown> | undefined>;
  components?: { schemas?: Record<string, unknown> };
}

/** Adds what routes cannot say (a body of two kinds) and leaves out schemas that no route speaks. */
function complete(document: OpenApiDocument): OpenApiDocument {
  const register = document.paths?.['/v1/datasets']?.['post'] as { requestBody?: unknown } | undefined;
  if (register !== undefined) register.requestBody = DATASET_BODY;
  const schemas = document.components?.schemas ?? {};
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name] of JSON.stringify(value ?? null).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (name === undefined || used.has(name)) continue;
      used.add(name);
      visit(schemas[name]);
    }
  };
  visit(document.paths);
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  return { ...document, components: { ...document.components, schemas: kept } };
}

const DATASET_BODY = {
  required: true,
  content: {
    'application/json': { schema: { $ref: '#/components/schemas/DatasetCreateInput' } },
    'multipart/form-data': {
      schema: {
        type: 'object',
        required: ['archive'],
        properties: {
          archive: { type: 'string', format: 'binary', description: 'A .zip or .tar.gz of the dataset folder.' },
          name: { type: 'string' },
          modality: { type: 'string', description: 'CT, MRI, PET or other; JSON for one per channel.' },
          labels: { type: 'string', description: 'JSON: label value to name.' },
        },
      },
    },
  },
};
