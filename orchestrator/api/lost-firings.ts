import { toErrorRecord } from '@voxhelm/contracts/errors';
import type { Database } from '@voxhelm/prisma/client';
import type { FastifyBaseLogger } from 'fastify';
import { endLostFirings } from '../firing-end.ts';
import type { Workflows } from './temporal.ts';

/** Pause between two looks; each asks Temporal once about every firing that goes on. */
const LOOK_EVERY_MS = 30_000;

/** Looks now and again for firings whose workflow is gone, while the API runs. Returns how to end that. */
export function watchLostFirings(
  database: Database,
  workflows: Workflows,
  log: FastifyBaseLogger,
  everyMs = LOOK_EVERY_MS,
): () => Promise<void> {
  let looking: Promise<void> | null = null;

  async function look(): Promise<void> {
    try {
      const ended = await endLostFirings(database, (workflowId) => workflows.isOpen(workflowId));
      if (ended > 0) log.warn({ ended }, 'firings whose workflow was ended from outside');
    } catch (error) {
      // The dispatcher tells of outages.
      log.debug({ reason: toErrorRecord(error).message }, 'firings cannot be compared with Temporal now');
    }
  }

  const timer = setInterval(() => {
    looking ??= look().finally(() => {
      looking = null;
    });
  }, everyMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await looking;
  };
}
