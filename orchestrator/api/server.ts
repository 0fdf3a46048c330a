import { join } from 'node:path';
import { planners } from '@voxhelm/algorithms/planners';
import { toErrorRecord, VoxhelmError } from '@voxhelm/contracts/errors';
import { checkBinding, readSettings } from '@voxhelm/contracts/settings';
import { openDatabase } from '@voxhelm/prisma/client';
import { openArtifactStore } from '@voxhelm/storage/artifact-store';
import { pino } from 'pino';
import { createApp } from './app.ts';
import { temporalWorkflows } from './temporal.ts';
import { removeStaleUploads } from './upload.ts';

/*
 * The API's process: settings, listen, and a graceful end on SIGTERM or SIGINT. The database and Temporal may be away at
 * the start and at any time: requests that need them answer 503 until they are back.
 */

/** Requests in progress get this long to end after SIGTERM. */
const CLOSE_MS = 10_000;

async function main(): Promise<void> {
  const settings = readSettings();
  checkBinding(settings);
  if (settings.databaseUrl === undefined) {
    throw new VoxhelmError('invalid-request', 'DATABASE_URL is not set', {
      fix: 'Set it to a PostgreSQL address, or run `voxhelm up`, which starts everything on this machine.',
    });
  }
  const log = pino({ name: 'api', level: settings.logLevel });
  const database = openDatabase(settings.databaseUrl);
  const workflows = temporalWorkflows(settings);
  const store = openArtifactStore(settings.artifacts);
  const app = await createApp({ settings, database, store, workflows, algorithms: Object.keys(planners), log });
  await removeStaleUploads(join(settings.home, 'datasets'));
  const address = await app.listen({ host: settings.host, port: settings.port });
  log.info({ address }, 'listening');

  let ending = false;
  const end = async (signal: string): Promise<void> => {
    if (ending) return;
    ending = true;
    log.info({ signal }, 'closing');
    setTimeout(() => process.exit(1), CLOSE_MS).unref();
    await app.close();
    await Promise.allSettled([workflows.close(), database.$disconnect()]);
    log.info('closed');
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      end(signal).catch((error: unknown) => {
        log.error({ err: error }, 'closing failed');
        process.exit(1);
      });
    });
  }
}

main().catch((error: unknown) => {
  const { message, fix } = toErrorRecord(error) as { message: string; fix?: string };
  process.stderr.write(`voxhelm api: ${message}\n${fix === undefined ? '' : `${fix}\n`}`);
  process.exitCode = 1;
});
