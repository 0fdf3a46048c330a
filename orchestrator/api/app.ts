import fastifyMultipart from '@fastify/multipart';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { authenticator } from './auth.ts';
import { type Dispatcher, startDispatcher } from './dispatcher.ts';
import { parseRequest, sendProblem, withStatus } from './errors.ts';
import { watchLostFirings } from './lost-firings.ts';
import { registerOpenApi } from './openapi.ts';
import { artifactRoutes } from './routes/v1/artifacts.ts';
import { caseRoutes } from './routes/v1/cases.ts';
import { championRoutes } from './routes/v1/champions.ts';
import { datasetRoutes } from './routes/v1/datasets.ts';
import { eventRoutes } from './routes/v1/events.ts';
import { probeRoutes, systemRoutes } from './routes/v1/health.ts';
import { labelRoutes } from './routes/v1/labels.ts';
import { liveRoutes } from './routes/v1/live.ts';
import { predictionRoutes } from './routes/v1/predictions.ts';
import { runRoutes } from './routes/v1/runs.ts';
import { scheduleRoutes } from './routes/v1/schedules.ts';
import { searchRoutes } from './routes/v1/search.ts';
import { storageRoutes } from './routes/v1/storage.ts';
import { trialRoutes } from './routes/v1/trials.ts';
import { uploadRoutes } from './routes/v1/uploads.ts';
import { webhookRoutes } from './routes/v1/webhooks.ts';
import { workerRoutes } from './routes/v1/workers.ts';
import type { App, Services } from './services.ts';
import { UPLOAD_LIMITS } from './upload.ts';
import { registerWebUi, sendPage, WEB_UI_FOLDER } from './web-ui.ts';
import { type SenderOptions, startWebhookSender } from './webhook-sender.ts';

/** A request's headers must be there within this time (a client that trickles them holds a socket, no more). */
const HEADERS_TIMEOUT_MS = 10_000;
/** A JSON body must be there within this time. */
const BODY_TIMEOUT_MS = 30_000;
/** A socket on which nothing moves for this long is closed (uploads and downloads that stalled). */
const IDLE_TIMEOUT_MS = 120_000;
/** Bodies that may take as long as they move: archives and the chunks of uploads. */
const STREAMED = /^(multipart\/|application\/offset\+octet-stream)/;
const MAX_CONNECTIONS = 2_000;
/** Of a JSON body: 5,000 metric points or a request with whole plans fit well. */
const BODY_LIMIT_BYTES = 2 * 1024 * 1024;

/** What {@link createApp} needs beside defaults. */
export interface AppOptions extends Pick<Services, 'settings' | 'database' | 'store' | 'workflows' | 'algorithms'> {
  readonly log?: FastifyBaseLogger | undefined;
  readonly uploadLimits?: Services['uploadLimits'];
  readonly eventPollMs?: number;
  readonly webhookSending?: SenderOptions;
  /** Pause between two looks for firings whose workflow is gone. */
  readonly lostFiringsEveryMs?: number;
  /** The built web UI's folder; web/dist where absent. */
  readonly webUi?: string;
}

/** The whole service: its hooks, its routes, its one error handler. Listens nowhere yet; close it with `close()`. */
export async function createApp(options: AppOptions): Promise<App> {
  const base = fastify({
    ...(options.log === undefined ? { logger: false as const } : { loggerInstance: options.log }),
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: IDLE_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: 0, connectionsCheckingInterval: 5_000 },
    // Streams and idle keep-alive sockets must not hold a stopping service.
    forceCloseConnections: true,
    // A dataset may be named by its path.
    routerOptions: { maxParamLength: 1_000 },
    genReqId: () => crypto.randomUUID(),
    // Trainers and watchers ask every second; what fails is logged by the error handler.
    logController: new LogController({ disableRequestLogging: true }),
  });
  base.server.maxConnections = MAX_CONNECTIONS;
  const app: App = base.withTypeProvider<ZodTypeProvider>();
  const dispatcher: Dispatcher = startDispatcher(options.database, options.workflows, app.log);
  const webhooks = startWebhookSender(options.database, app.log, options.webhookSending);
  const stopWatching = watchLostFirings(options.database, options.workflows, app.log, options.lostFiringsEveryMs);
  const services: Services = { uploadLimits: UPLOAD_LIMITS, eventPollMs: 1_000, ...options, dispatcher, webhooks };

  app.setValidatorCompiler<z.core.$ZodType>(({ schema, httpPart }) => (data) => {
    try {
      // Fastify says null of a request without a body, which a route that can do without one takes for a wrong body.
      const given = httpPart === 'body' ? (data ?? undefined) : data;
      return { value: parseRequest(schema, given, PART_NAMES[httpPart ?? ''] ?? 'the request') };
    } catch (error) {
      return { error: error as Error };
    }
  });
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request, reply) => {
    if (sendPage(request, reply)) return;
    const missing = `there is no ${request.method} ${request.url.split('?', 1)[0]}`;
    sendProblem(new VoxhelmError('not-found', missing, { fix: 'See /docs for what there is.' }), request, reply);
  });
  // A POST without a body (pause, resume, cancel) may still name a content type.
  allowEmptyJson(app);
  app.addHook('onRequest', authenticator(options.settings.apiKey));
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    if (!STREAMED.test(request.headers['content-type'] ?? '')) limitBodyTime(request.raw, reply.raw);
  });
  app.addHook('onClose', async () => {
    await Promise.all([dispatcher.stop(), webhooks.stop(), stopWatching()]);
  });

  await app.register(fastifyMultipart, {
    limits: {
      fieldNameSize: 100,
      fieldSize: 64 * 1024,
      fields: 10,
      files: 1,
      // One byte more than receiveArchive takes, so that it sees what is too large instead of a cut file.
      fileSize: services.uploadLimits.archiveBytes + 1,
    },
  });
  await registerOpenApi(app);
  await registerWebUi(app, options.webUi ?? WEB_UI_FOLDER);
  probeRoutes(app, services);
  await app.register(
    (scope, _options, done) => {
      const v1 = scope.withTypeProvider<ZodTypeProvider>();
      systemRoutes(v1, services);
      datasetRoutes(v1, services);
      uploadRoutes(v1, services);
      labelRoutes(v1, services);
      runRoutes(v1, services);
      liveRoutes(v1, services);
      workerRoutes(v1, services);
      caseRoutes(v1, services);
      storageRoutes(v1, services);
      eventRoutes(v1, services);
      trialRoutes(v1, services);
      searchRoutes(v1, services);
      scheduleRoutes(v1, services);
      championRoutes(v1, services);
      webhookRoutes(v1, services);
      artifactRoutes(v1, services);
      predictionRoutes(v1, services);
      done();
    },
    { prefix: '/v1' },
  );
  await app.ready();
  return app;
}

const PART_NAMES: Readonly<Record<string, string>> = {
  body: "the request's body",
  querystring: 'the query',
  params: 'the address',
  headers: 'a header',
};

/** Nothing here is meant to be framed, sniffed or run; /docs sets its own policy, which allows its own script. */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
} as const;

function allowEmptyJson(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body as string, done);
  });
  // Without this, fastify would take text for a body.
  app.removeContentTypeParser('text/plain');
}

function limitBodyTime(
  request: import('node:http').IncomingMessage,
  response: import('node:http').ServerResponse,
): void {
  if (request.complete) return;
  const timer = setTimeout(
    () => request.destroy(withStatus(408, new VoxhelmError('invalid-request', 'the body took too long'))),
    BODY_TIMEOUT_MS,
  );
  timer.unref();
  const clear = (): void => clearTimeout(timer);
  request.once('end', clear);
  request.once('close', clear);
  response.once('close', clear);
}
