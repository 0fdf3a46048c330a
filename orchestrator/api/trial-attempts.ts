import type { ProgressUpdate } from '@voxhelm/contracts/api';
import type { Database } from '@voxhelm/prisma/client';

/**
 * Tells in the run's events that a trial goes on after its trainer was lost, once for each further attempt: told by the first
 * progress that the attempt reports from its training.
 */
export async function tellAttempt(database: Database, trialId: string, update: ProgressUpdate): Promise<void> {
  const { attempt, lease, progress } = update;
  if (attempt === 1 || progress.phase === 'loading') return;
  const { runId, number, algorithm, fold } = await database.trial.findUniqueOrThrow({ where: { id: trialId } });
  const key = `trial.continued:${trialId}:${lease}.${attempt}`;
  if ((await database.runEvent.findUnique({ where: { runId_key: { runId, key } } })) !== null) return;
  const from = progress.step === 0 ? 'starts anew' : `goes on from step ${progress.step} of ${progress.steps}`;
  const message = `Trial ${number} (${algorithm}, fold ${fold}) ${from}: its trainer was lost, this is attempt ${attempt}.`;
  await database.$transaction(async (transaction) => {
    // As every writer of events: ids become visible in their order.
    await transaction.$queryRaw`SELECT id FROM "Run" WHERE id = ${runId} FOR UPDATE`;
    const data = { trialId, attempt, step: progress.step };
    await transaction.runEvent.createMany({
      data: [{ runId, key, type: 'trial.continued', message, data }],
      skipDuplicates: true,
    });
  });
}
