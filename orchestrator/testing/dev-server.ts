import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { freePort } from '@voxhelm/prisma/testing/postgres';
import { DEV_SERVER_SETTINGS, TEMPORAL_CLI_VERSION } from '../dev-server-settings.ts';

/** A Temporal dev server of its own for tests and benchmarks. */
export interface TestTemporal {
  readonly address: string;
  stop(): Promise<void>;
}

/** Where set-up puts the Temporal command line; else the one on PATH. */
function executable(): string {
  const cache =
    process.env['VOXHELM_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'voxhelm');
  const cached = join(cache, 'bin', `temporal-${TEMPORAL_CLI_VERSION}`);
  return existsSync(cached) ? cached : 'temporal';
}

/** Starts the dev server; with `databaseFile` it keeps its state there. A free port, unless one is given (a restart). */
export async function startTestTemporal(databaseFile?: string, givenPort?: number): Promise<TestTemporal> {
  const port = givenPort ?? (await freePort());
  const args = [
    'server',
    'start-dev',
    '--headless',
    '--ip',
    '127.0.0.1',
    '--port',
    String(port),
    '--log-level',
    'never',
    ...DEV_SERVER_SETTINGS,
  ];
  const server = spawn(executable(), databaseFile === undefined ? args : [...args, '--db-filename', databaseFile], {
    stdio: 'ignore',
  });
  const failed = new Promise<never>((_, reject) => {
    server.once('error', reject);
    server.once('exit', (code) => reject(new Error(`temporal ended with ${code}`)));
  });
  failed.catch(() => undefined);
  const address = `127.0.0.1:${port}`;
  await Promise.race([failed, answers(address)]);
  return {
    address,
    async stop() {
      const ended = new Promise((resolve) => server.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
    },
  };
}

async function answers(address: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; ; ) {
    try {
      const connection = await Connection.connect({ address, connectTimeout: 1_000 });
      await connection.workflowService.describeNamespace({ namespace: 'default' });
      await connection.close();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
