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
        { name: 'artifacts', description: 'Files that runs leave, by SHA-256.' },
        { name: 'trainer', description: 'What trainers tell while they work.' },
        { name: 'system', description: 'Is it up, and what is it.' },
      ],
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    uiConfig: { url: '/v1/openapi.json' },
    staticCSP: true,
    logLevel: 'warn',
  });
  app.get('/v1/openapi.json', { schema: { hide: true } }, async () => app.swagger());
}
