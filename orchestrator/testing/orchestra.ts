import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { TASK_QUEUES } from '@voxhelm/contracts/queues';
import type { RunRequestInput } from '@voxhelm/contracts/run';
import { budgetOf, RunRequest } from '@voxhelm/contracts/run';
import { readSettings } from '@voxhelm/contracts/settings';
import { type Database, openDatabase, type Prisma } from '@voxhelm/prisma/client';
import { newId } from '@voxhelm/prisma/ids';
import { migrate } from '@voxhelm/prisma/migrate';
import { startTestPostgres } from '@voxhelm/prisma/testing/postgres';
import { type ArtifactStore, folderStore } from '@voxhelm/storage/artifact-store';
import { pino } from 'pino';
import { bundleWorkflows, startOrchestrator } from '../worker.ts';
import { type RunInput, runWorkflowId, WORKFLOWS } from '../workflows/signals.ts';
import { startTestTemporal } from './dev-server.ts';
import { type FakeTrainer, fakeGpuActivities, fakeTrainer } from './fake-trainer.ts';
import { installQuietRuntime } from './quiet-runtime.ts';

/** A whole orchestra but for the API and a device: real Temporal, real PostgreSQL, real orchestrator, made-up trainer. */
export interface Orchestra {
  readonly db: Database;
  readonly store: ArtifactStore;
  readonly client: Client;
  readonly trainer: FakeTrainer;
  readonly temporalAddress: string;
  readonly databaseUrl: string;
  /** VOXHELM_HOME of its processes. */
  readonly home: string;
  /** Ends Temporal as a power cut does not: cleanly; {@link startTemporal} brings it back with all it knew. */
  stopTemporal(): Promise<void>;
  startTemporal(): Promise<void>;
  /** Accepts a run as the API does and starts its workflow. */
  submit(
    request?: Partial<RunRequestInput>,
    input?: Partial<RunInput>,
  ): Promise<{ runId: string; handle: WorkflowHandle; firstRunId: string }>;
  close(): Promise<void>;
}

/** How an {@link Orchestra} is set up. */
export interface OrchestraOptions {
  /** Trainings at once. */
  readonly trainers?: number;
  /** False: the test starts the orchestrator itself, as a process that it may kill. */
  readonly orchestrator?: boolean;
}

/** Starts an {@link Orchestra}. */
export async function startOrchestra(options: OrchestraOptions = {}): Promise<Orchestra> {
  installQuietRuntime();
  const home = await mkdtemp(join(tmpdir(), 'voxhelm-orchestra-'));
  const temporalFile = join(home, 'temporal.db');
  const [postgres, firstTemporal, workflowBundle] = await Promise.all([
    startTestPostgres(),
    startTestTemporal(temporalFile),
    bundleWorkflows(),
  ]);
  let temporal = firstTemporal;
  await migrate(postgres.url);
  const db = openDatabase(postgres.url);
  const artifacts = join(home, 'artifacts');
  const store = folderStore(artifacts);
  const trainer = fakeTrainer();
  const config = {
    settings: readSettings({ VOXHELM_HOME: home }),
    databaseUrl: postgres.url,
    temporalAddress: temporal.address,
    maxConcurrentActivities: 20,
  };
  const orchestrator =
    options.orchestrator === false
      ? null
      : await startOrchestrator(config, { logger: pino({ level: 'silent' }), workflowBundle });
  const nativeConnection = await NativeConnection.connect({ address: temporal.address });
  const workerOf = (taskQueue: string, jobs: number): Promise<Worker> =>
    Worker.create({
      connection: nativeConnection,
      taskQueue,
      activities: fakeGpuActivities(store, trainer),
      maxConcurrentActivityTaskExecutions: jobs,
      maxHeartbeatThrottleInterval: '200ms',
      defaultHeartbeatThrottleInterval: '200ms',
    });
  const trainerWorkers = [
    await workerOf(TASK_QUEUES.gpu, options.trainers ?? 2),
    await workerOf(TASK_QUEUES.analysis, 1),
  ];
  const running = [orchestrator, ...trainerWorkers].map((worker) => worker?.run());
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection });
  return {
    db,
    store,
    client,
    trainer,
    temporalAddress: temporal.address,
    databaseUrl: postgres.url,
    home,
    stopTemporal: () => temporal.stop(),
    async startTemporal() {
      temporal = await startTestTemporal(temporalFile, Number(temporal.address.split(':')[1]));
    },
    async submit(request = {}, input = {}) {
      const runId = await acceptRun(
        db,
        RunRequest.parse({ dataset: '/made/up', algorithms: ['segresnet'], ...request }),
      );
      const handle = await client.workflow.start(WORKFLOWS.run, {
        workflowId: runWorkflowId(runId),
        taskQueue: TASK_QUEUES.orchestrator,
        args: [{ runId, ...input }],
      });
      return { runId, handle, firstRunId: handle.firstExecutionRunId };
    },
    async close() {
      orchestrator?.shutdown();
      for (const worker of trainerWorkers) worker.shutdown();
      await Promise.all(running);
      await Promise.all([connection.close(), nativeConnection.close(), db.$disconnect()]);
      await Promise.all([temporal.stop(), postgres.stop()]);
      await rm(home, { recursive: true, force: true });
    },
  };
}

async function acceptRun(db: Database, request: RunRequest): Promise<string> {
  const datasetId = newId('ds');
  await db.dataset.create({
    data: { id: datasetId, name: 'made up', path: request.dataset, workflowStarted: true },
  });
  const id = newId('run');
  await db.run.create({
    data: {
      id,
      requestSha256: 'made up',
      request: request as Prisma.InputJsonObject,
      name: request.name ?? 'made up',
      datasetId,
      seed: request.seed,
      workflowStarted: true,
      budgetMs: request.budget === undefined ? null : BigInt(budgetOf(request.budget).ms),
    },
  });
  return id;
}

/** Waits until a value is as wanted, looking every 50 ms for up to 20 s (or as long as is said). */
export async function eventually<T>(look: () => Promise<T>, wanted: (value: T) => boolean, seconds = 20): Promise<T> {
  for (const deadline = Date.now() + seconds * 1_000; ; ) {
    const value = await look();
    if (wanted(value)) return value;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(value)} after ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
