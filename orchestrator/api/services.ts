import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Settings } from '@voxhelm/contracts/settings';
import type { Database } from '@voxhelm/prisma/client';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Dispatcher } from './dispatcher.ts';
import type { Workflows } from './temporal.ts';
import type { UploadLimits } from './upload.ts';
import type { WebhookSender } from './webhook-sender.ts';

/** What the service's routes work with; tests give a fake `workflows`. */
export interface Services {
  readonly settings: Pick<Settings, 'home' | 'artifacts' | 'apiKey'>;
  readonly database: Database;
  readonly store: ArtifactStore;
  readonly workflows: Workflows;
  readonly dispatcher: Dispatcher;
  readonly webhooks: WebhookSender;
  /** Names of the registered algorithms. */
  readonly algorithms: readonly string[];
  readonly uploadLimits: UploadLimits;
  /** Pause between two looks at a run for its event stream, milliseconds. */
  readonly eventPollMs: number;
}

/** The application with zod-typed routes. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
