import { realpathSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import { openDatabase } from '@voxhelm/prisma/client';
import { openArtifactStore } from '@voxhelm/storage/artifact-store';
import { pino } from 'pino';
import { createActivities } from './activities/all.ts';
import { type OrchestratorConfig, readConfig } from './config.ts';
import { temporalView } from './temporal-view.ts';

/*
 * The orchestrator worker: Temporal's workflows and the database activities. Any number of these may run.
 */

/** The file from which the workflows are bundled. */
export const WORKFLOWS_PATH = fileURLToPath(new URL('./workflows/registry.ts', import.meta.url));

/** A running worker. `run` ends when `shutdown` was called and what was begun is done. */
export interface OrchestratorWorker {
  run(): Promise<void>;
  shutdown(): void;
}

const CONNECT_FOR_MS = 60_000;

/** The workflows as one script, for workers and for replaying histories. */
export async function bundleWorkflows(): Promise<{ code: string }> {
  return bundleWorkflowCode({ workflowsPath: WORKFLOWS_PATH, logger: new DefaultLogger('ERROR', () => undefined) });
}

/**
 * Connects and prepares the worker.
 * @throws VoxhelmError `unavailable` where Temporal does not answer for a minute. The database may come later: activities
 * are tried again until it does.
 */
export async function startOrchestrator(
  config: OrchestratorConfig,
  options: { readonly logger?: pino.Logger; readonly workflowBundle?: { code: string } } = {},
): Promise<OrchestratorWorker> {
  const { settings } = config;
  const logger = options.logger ?? createLogger(settings.logLevel);
  const [connection, workflowBundle] = await Promise.all([
    connect(config.temporalAddress, logger),
    options.workflowBundle ?? bundleWorkflows(),
  ]);
  const db = openDatabase(config.databaseUrl, { connections: config.maxConcurrentActivities });
  const worker = await Worker.create({
    connection,
    namespace: settings.temporalNamespace,
    taskQueue: TASK_QUEUES.orchestrator,
    workflowBundle,
    activities: createActivities({
      db,
      store: openArtifactStore(settings.artifacts),
      temporal: temporalView(connection, settings.temporalNamespace),
      now: () => new Date(),
    }),
    maxConcurrentActivityTaskExecutions: config.maxConcurrentActivities,
    // Each cached workflow holds an isolated context; a run's trials wait for hours without needing one.
    maxCachedWorkflows: 100,
    shutdownGraceTime: '10s',
    shutdownForceTime: '15s',
  });
  return {
    async run() {
      const done = worker.run();
      logger.info(
        { ready: true, taskQueue: TASK_QUEUES.orchestrator, pid: process.pid },
        'orchestrator polls for work',
      );
      try {
        await done;
      } finally {
        await db.$disconnect();
        await connection.close();
      }
      logger.info('orchestrator stopped');
    },
    shutdown() {
      if (worker.getState() !== 'RUNNING') return;
      logger.info('orchestrator shuts down');
      worker.shutdown();
    },
  };
}

/** Tries for a minute, for Temporal may start beside us. */
async function connect(address: string, logger: pino.Logger): Promise<NativeConnection> {
  const deadline = performance.now() + CONNECT_FOR_MS;
  for (let waitMs = 250; ; waitMs = Math.min(waitMs * 2, 4_000)) {
    try {
      return await NativeConnection.connect({ address });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (performance.now() + waitMs > deadline) {
        throw new VoxhelmError('unavailable', `Temporal does not answer at ${address}: ${reason}`, {
          cause: error,
          fix: 'Start it (`voxhelm up` starts one) or set TEMPORAL_ADDRESS to where it listens.',
        });
      }
      logger.warn({ address, reason }, 'Temporal does not answer yet; trying again');
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** Logs as JSON lines on stdout. */
function createLogger(level: string): pino.Logger {
  return pino({ level, base: { process: 'orchestrator' }, timestamp: pino.stdTimeFunctions.isoTime });
}

async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger(config.settings.logLevel);
  // The SDK's own lines go into the same log; its default prints debug text.
  Runtime.install({
    shutdownSignals: [],
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      logger[level === 'ERROR' ? 'error' : 'warn']({ temporal: meta?.['error'] ?? meta?.['workflowId'] }, message);
    }),
    telemetryOptions: { logging: { forward: {}, filter: makeTelemetryFilterString({ core: 'WARN' }) } },
  });
  const orchestrator = await startOrchestrator(config, { logger });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => orchestrator.shutdown());
  await orchestrator.run();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  main().then(
    () => process.exit(0),
    (error: unknown) => {
      const record = toErrorRecord(error);
      process.stderr.write(`orchestrator: ${record.message}\n${record.fix === undefined ? '' : `${record.fix}\n`}`);
      process.exit(1);
    },
  );
}
