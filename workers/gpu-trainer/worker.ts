import { realpathSync } from 'node:fs';
import { cpus, hostname } from 'node:os';
import { pathToFileURL } from 'node:url';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { TASK_QUEUES, trainerIdentity } from '@voxhelm/contracts/queues';
import { readSettings, type Settings } from '@voxhelm/contracts/settings';
import { visibleGpu } from '@voxhelm/nn/gpu';
import { pino } from 'pino';
import { createActivities } from './activities.ts';

/*
 * The trainer: one process per device. It holds no database credentials; it speaks to Temporal, to the artifact store
 * and to the API. Each job runs in a child process.
 */

/** A running trainer. `run` ends when `shutdown` was called and the last job has saved its checkpoint. */
export interface Trainer {
  run(): Promise<void>;
  shutdown(): void;
}

const DEFAULT_TEMPORAL_ADDRESS = '127.0.0.1:7233';
const CONNECT_FOR_MS = 60_000;

/**
 * Connects to Temporal and prepares the workers of the queues `gpu` and `analysis`.
 * @throws VoxhelmError `unavailable` where Temporal does not answer for `connectForMs` (a minute).
 */
export async function startTrainer(
  settings: Settings,
  options: { logger?: pino.Logger; connectForMs?: number } = {},
): Promise<Trainer> {
  const logger = options.logger ?? createLogger(settings);
  const connection = await connect(
    settings.temporalAddress ?? DEFAULT_TEMPORAL_ADDRESS,
    logger,
    options.connectForMs ?? CONNECT_FOR_MS,
  );
  const draining = new AbortController();
  const activities = createActivities({
    settings: {
      url: settings.url,
      apiKey: settings.apiKey,
      artifacts: settings.artifacts,
      caseCache: settings.caseCache,
    },
    logger,
    draining: draining.signal,
  });
  const identity = trainerIdentity(`${process.pid}@${hostname()}`, deviceName());
  const workerOf = (taskQueue: string): Promise<Worker> =>
    Worker.create({
      connection,
      namespace: settings.temporalNamespace,
      taskQueue,
      identity,
      activities,
      maxConcurrentActivityTaskExecutions: 1, // One device, one job; and one dataset at a time.
      // A pause or cancellation comes with a heartbeat's answer: these bounds let it arrive within 5 s.
      maxHeartbeatThrottleInterval: '2s',
      defaultHeartbeatThrottleInterval: '2s',
      shutdownGraceTime: '30s',
      shutdownForceTime: '40s',
    });
  const workers = [await workerOf(TASK_QUEUES.gpu), await workerOf(TASK_QUEUES.analysis)];
  return {
    async run() {
      const done = Promise.all(workers.map((worker) => worker.run()));
      logger.info({ ready: true, taskQueue: TASK_QUEUES.gpu, pid: process.pid }, 'trainer polls for jobs');
      try {
        await done;
      } finally {
        await connection.close();
      }
      logger.info('trainer stopped');
    },
    shutdown() {
      if (draining.signal.aborted) return;
      logger.info('trainer shuts down: the job in work saves its checkpoint');
      draining.abort();
      for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    },
  };
}

/** What its jobs compute on, without loading TensorFlow: each job's process looks itself, and measures. */
function deviceName(): string {
  const gpu = process.env['VOXHELM_DEVICE'] === 'cpu' ? null : visibleGpu(process.env['CUDA_VISIBLE_DEVICES']);
  return gpu?.name ?? cpus()[0]?.model.trim() ?? 'CPU';
}

/** Tries for a while, for Temporal may start beside us. */
async function connect(address: string, logger: pino.Logger, connectForMs: number): Promise<NativeConnection> {
  const deadline = performance.now() + connectForMs;
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
function createLogger(settings: Settings): pino.Logger {
  return pino({ level: settings.logLevel, base: { process: 'gpu-trainer' }, timestamp: pino.stdTimeFunctions.isoTime });
}

async function main(): Promise<void> {
  const settings = readSettings();
  const logger = createLogger(settings);
  Runtime.install({
    shutdownSignals: [], // Signals are handled here: a job must be told first.
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      logger[level === 'ERROR' ? 'error' : 'warn']({ sdk: { ...meta } }, message);
    }),
  });
  const trainer = await startTrainer(settings, { logger });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => trainer.shutdown());
  await trainer.run();
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  main().then(
    () => process.exit(0),
    (error: unknown) => {
      const record = toErrorRecord(error);
      process.stderr.write(`gpu-trainer: ${record.message}\n${record.fix === undefined ? '' : `${record.fix}\n`}`);
      process.exit(1);
    },
  );
}
