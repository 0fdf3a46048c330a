import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { checkBinding, type Settings } from '@voxhelm/contracts/settings';
import { migrate } from '@voxhelm/prisma/migrate';
import { openArtifactStore } from '@voxhelm/storage/artifact-store';
import { nodeService } from './node-service.ts';
import { freePort } from './ports.ts';
import { embeddedPostgres } from './postgres.ts';
import type { ProcessIdentity } from './processes.ts';
import { claimHome, clearState, writeState } from './state-file.ts';
import { createSupervisor } from './supervisor.ts';
import { findTemporal, temporalService } from './temporal.ts';

/** A running Voxhelm on one machine. */
export interface Stack {
  readonly url: string;
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly logFolder: string;
  /** Pid of each running service. */
  pids(): Record<string, number>;
  /** Stops everything that was started, in order; what is external stays. */
  stop(): Promise<void>;
}

/** How a stack tells what it does: one line a step, and services that died and are started again. */
export interface StackOptions {
  readonly say?: (line: string) => void;
  /** Services to leave out (a machine that only trains, a test that brings its own). */
  readonly without?: readonly ('trainer' | 'orchestrator' | 'api')[];
  /** Ctrl-C while it starts: what was started is stopped, and the start is rejected with `cancelled`. */
  readonly signal?: AbortSignal;
}

/**
 * Starts all of Voxhelm on this machine, in order: PostgreSQL and Temporal (embedded, or external by DATABASE_URL and
 * TEMPORAL_ADDRESS), the API, the orchestrator worker, one trainer. Each is started again when it dies; a stack that was
 * killed is cleared up by the next one on the same home. Throws `conflict` where one runs there already, and
 * `invalid-request`, before anything is started, for settings with which a service would not start.
 */
export async function startStack(settings: Settings, options: StackOptions = {}): Promise<Stack> {
  const say = options.say ?? (() => undefined);
  checkBinding(settings);
  openArtifactStore(settings.artifacts);
  await mkdir(settings.home, { recursive: true });
  const self = await claimHome(settings.home);
  const logFolder = join(settings.home, 'logs');
  const services: Record<string, ProcessIdentity> = {};
  const address = {
    url: null as string | null,
    databaseUrl: null as string | null,
    temporalAddress: null as string | null,
  };
  let written = Promise.resolve();
  const record = (): void => {
    written = written.then(() =>
      writeState(settings.home, { supervisor: self, ...address, services: { ...services } }),
    );
  };
  const supervisor = createSupervisor(logFolder, {
    onStarted(name, process) {
      services[name] = process;
      record();
    },
    onDied: (name, how, delayMs) =>
      say(
        `${name} ended (${how}); starting it again in ${delayMs / 1000} s. Its log: ${join(logFolder, `${name}.log`)}`,
      ),
  });
  let stopped: Promise<void> | null = null;
  const stop = (): Promise<void> => {
    stopped ??= supervisor.stop().then(async () => {
      await written;
      await clearState(settings.home);
    });
    return stopped;
  };
  const interrupt = (): void => void stop();
  options.signal?.addEventListener('abort', interrupt, { once: true });

  try {
    options.signal?.throwIfAborted();
    const databaseUrl = settings.databaseUrl ?? (await startPostgres());
    address.databaseUrl = databaseUrl;
    const temporalAddress = settings.temporalAddress ?? (await startTemporal());
    address.temporalAddress = temporalAddress;
    await migrate(databaseUrl);
    say('database schema is up to date');
    const port = await freePort(settings.port);
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
    const url = `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`;
    address.url = url;
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      NODE_ENV: process.env['NODE_ENV'] ?? 'production',
      VOXHELM_HOME: settings.home,
      VOXHELM_CACHE: settings.cache,
      VOXHELM_ARTIFACTS: settings.artifacts,
      VOXHELM_HOST: settings.host,
      VOXHELM_PORT: String(port),
      VOXHELM_URL: url,
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: temporalAddress,
    };
    await startNodeServices(env, url);
    options.signal?.throwIfAborted();
    say(`Voxhelm answers at ${url}`);
    return { url, databaseUrl, temporalAddress, logFolder, pids: () => supervisor.pids(), stop };
  } catch (error) {
    await stop();
    if (options.signal?.aborted !== true) throw error;
    throw new VoxhelmError('cancelled', 'stopped while it was starting', { cause: error });
  } finally {
    options.signal?.removeEventListener('abort', interrupt);
  }

  async function startPostgres(): Promise<string> {
    say('starting PostgreSQL (the first time creates its files, 2 s)');
    const postgres = await embeddedPostgres(settings.home, await freePort());
    await supervisor.start(postgres.service);
    return postgres.url;
  }

  async function startTemporal(): Promise<string> {
    say('starting Temporal (2 s)');
    const port = await freePort();
    await supervisor.start(
      temporalService(await findTemporal(settings.cache), join(settings.home, 'temporal.db'), port),
    );
    return `127.0.0.1:${port}`;
  }

  async function startNodeServices(env: NodeJS.ProcessEnv, url: string): Promise<void> {
    const leftOut = new Set(options.without ?? []);
    const now = (): Promise<void> => Promise.resolve();
    // The trainer holds no database credentials.
    const { DATABASE_URL: _database, ...trainerEnv } = env;
    const starts: Promise<void>[] = [];
    say('starting the API, the orchestrator worker and one trainer (5 to 10 s)');
    if (!leftOut.has('api'))
      starts.push(
        supervisor.start(nodeService('api', 'orchestrator/api/server.ts', env, 10_000, () => apiAnswers(url))),
      );
    if (!leftOut.has('orchestrator'))
      starts.push(supervisor.start(nodeService('orchestrator', 'orchestrator/worker.ts', env, 15_000, now)));
    if (!leftOut.has('trainer'))
      starts.push(supervisor.start(nodeService('trainer', 'workers/gpu-trainer/worker.ts', trainerEnv, 40_000, now)));
    await Promise.all(starts);
  }
}

async function apiAnswers(url: string): Promise<void> {
  const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) });
  if (!response.ok) throw new Error(`${url}/ready answers ${response.status}`);
}
