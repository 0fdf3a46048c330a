import type { ProgressUpdate } from '@voxhelm/contracts/api';
import type { Database } from '@voxhelm/prisma/client';

/**
 * Tells in the run's events that a trial goes on after an attempt failed or was lost with its trainer, once for each further attempt:
 * told by the first progress that the attempt reports from its training.
 */
export async function tellAttempt(database: Database, trialId: string, update: ProgressUpdate): Promise<void> {
  const { attempt, lease, progress } = update;
  if (progress.smaller !== undefined) await tellSmaller(database, trialId, progress.smaller);
  if (attempt === 1 || progress.phase === 'loading') return;
  const from = progress.step === 0 ? 'starts anew' : `goes on from step ${progress.step} of ${progress.steps}`;
  await tellOnce(database, trialId, {
    key: `trial.continued:${trialId}:${lease}.${attempt}`,
    type: 'trial.continued',
    told: `${from}: ${progress.after ?? 'its trainer was lost'}, this is attempt ${attempt}.`,
    data: { attempt, step: progress.step },
  });
}

/** Tells, each time once, that a smaller plan is tried, and why. */
function tellSmaller(
  database: Database,
  trialId: string,
  { times, told }: NonNullable<ProgressUpdate['progress']['smaller']>,
): Promise<void> {
  const key = `trial.smaller:${trialId}:${times}`;
  return tellOnce(database, trialId, { key, type: 'trial.smaller', told: `made smaller: ${told}.`, data: { times } });
}

async function tellOnce(
  database: Database,
  trialId: string,
  event: { key: string; type: string; told: string; data: Readonly<Record<string, number>> },
): Promise<void> {
  const { key, type, told } = event;
  const { runId, number, algorithm, fold } = await database.trial.findUniqueOrThrow({ where: { id: trialId } });
  if ((await database.runEvent.findUnique({ where: { runId_key: { runId, key } } })) !== null) return;
  const message = `Trial ${number + 1} (${algorithm}, fold ${fold}) ${told}`;
  await database.$transaction(async (transaction) => {
    // As every writer of events: ids become visible in their order.
    await transaction.$queryRaw`SELECT id FROM "Run" WHERE id = ${runId} FOR UPDATE`;
    const data = { trialId, ...event.data };
    await transaction.runEvent.createMany({ data: [{ runId, key, type, message, data }], skipDuplicates: true });
  });
}
