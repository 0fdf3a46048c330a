import { access } from 'node:fs/promises';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { Connection } from '@temporalio/client';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { DEV_SERVER_SETTINGS, TEMPORAL_CLI_VERSION } from '@voxhelm/orchestrator/dev-server-settings';
import type { Service } from './supervisor.ts';

/** The Temporal CLI, which holds the server: the cached one, or one on PATH; throws `not-installed`. */
export async function findTemporal(cacheFolder: string): Promise<string> {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'temporal'));
  for (const path of [join(cacheFolder, 'bin', `temporal-${TEMPORAL_CLI_VERSION}`), ...onPath]) {
    try {
      await access(path);
      return path;
    } catch {
      // the next place
    }
  }
  throw new VoxhelmError('not-installed', 'the Temporal server is not installed', {
    fix: 'Run `npm run setup`, or set TEMPORAL_ADDRESS.',
  });
}

/** Temporal's development server on one SQLite file: durable across restarts, 120 MB of memory, up in 2 s. */
export function temporalService(binary: string, databaseFile: string, port: number): Service {
  return {
    name: 'temporal',
    program: binary,
    args: [
      ...['server', 'start-dev', '--db-filename', databaseFile, '--ip', '127.0.0.1', '--port', String(port)],
      ...['--headless', '--log-level', 'error', ...DEV_SERVER_SETTINGS],
      // Task queues in one partition: with a handful of pollers, more only delay the hand-over.
      ...['--dynamic-config-value', 'matching.numTaskqueueReadPartitions=1'],
      ...['--dynamic-config-value', 'matching.numTaskqueueWritePartitions=1'],
    ],
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    ready: () => temporalAnswers(`127.0.0.1:${port}`),
    readyTimeoutMs: 60_000,
  };
}

/** Resolves when a Temporal server answers at the address and knows the namespace `default`. */
export async function temporalAnswers(address: string): Promise<void> {
  await reachable(address); // gRPC's own connection attempts take seconds to give up
  const connection = await Connection.connect({ address, connectTimeout: 2_000 });
  try {
    await connection.workflowService.describeNamespace({ namespace: 'default' });
  } finally {
    await connection.close();
  }
}

function reachable(address: string): Promise<void> {
  const separator = address.lastIndexOf(':');
  return new Promise((resolve, reject) => {
    const socket = connect(Number(address.slice(separator + 1)), address.slice(0, separator));
    socket.setTimeout(1_000, () => socket.destroy(new Error(`${address} does not answer`)));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}
