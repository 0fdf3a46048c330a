import type { Database, Transaction } from '@voxhelm/prisma/client';
import { Prisma } from '@voxhelm/prisma/client';
import type { Firing, Schedule } from '@voxhelm/prisma/generated/client';
import { tellWebhooks } from './webhook-outbox.ts';

/*
 * How a firing ends that came to nothing: by its own workflow (activities/firings.ts), or because that is gone
 * (api/lost-firings.ts). And how long looks that found nothing are kept.
 */

/** A firing that ends without a comparison. */
export interface FiringEnd {
  readonly state: 'failed' | 'cancelled';
  readonly message: string;
  readonly at: Date;
}

/** Ends a firing, within the caller's transaction that holds its row; webhooks hear of it once in an outage. */
export async function endFiring(
  transaction: Transaction,
  { firing, schedule }: { readonly firing: Firing; readonly schedule: Schedule },
  { state, message, at }: FiringEnd,
): Promise<void> {
  await transaction.firing.update({ where: { id: firing.id }, data: { state, message, finishedAt: at } });
  if (state !== 'failed' || (await isKnownOutage(transaction, firing))) return;
  await tellWebhooks(transaction, {
    event: 'schedule.failed',
    key: `firing:${firing.id}`,
    datasetId: schedule.datasetId,
    message: `Schedule "${schedule.name}": ${message}`,
    data: { scheduleId: schedule.id, firingId: firing.id },
  });
}

/** The end of a firing whose workflow is gone. */
const LOST = {
  state: 'failed',
  message: 'Its workflow was ended from outside; the champion stays as it is, and a run of it goes on by itself.',
} as const;

/** Where a folder is away, each look fails, every half minute perhaps: the first of them is news. */
async function isKnownOutage(transaction: Transaction, { id, scheduleId, findings }: Firing): Promise<boolean> {
  if (findings !== null) return false;
  const before = await transaction.firing.findFirst({
    where: { scheduleId, id: { lt: id }, finishedAt: { not: null } },
    orderBy: { id: 'desc' },
    select: { state: true, findings: true },
  });
  return before?.state === 'failed' && before.findings === null;
}

/** Looks that found nothing, and looks that failed, are kept so far back; what retrained is kept for ever. */
const LOOKS_KEPT = 200;

/**
 * Deletes a schedule's old looks. Of those that measured a drift, both ends of each stretch of equal ones stay: the curve of
 * drift over time is the same without the others.
 */
export async function pruneLooks(transaction: Transaction, scheduleId: string): Promise<void> {
  const looks: Prisma.FiringWhereInput = {
    scheduleId,
    OR: [{ state: 'idle' }, { state: 'failed', findings: { equals: Prisma.DbNull } }],
  };
  const [last] = await transaction.firing.findMany({
    where: looks,
    orderBy: { id: 'desc' },
    skip: LOOKS_KEPT,
    take: 1,
    select: { id: true },
  });
  if (last === undefined) return;
  await transaction.firing.deleteMany({ where: { ...looks, drift: null, id: { lte: last.id } } });
  await transaction.$executeRaw`
    DELETE FROM "Firing" WHERE "id" IN (
      SELECT "id" FROM (
        SELECT "id", "state", "drift", lag("drift") OVER looks AS "before", lead("drift") OVER looks AS "after"
        FROM "Firing" WHERE "scheduleId" = ${scheduleId} AND "drift" IS NOT NULL
        WINDOW looks AS (ORDER BY "id")
      ) AS "measured"
      WHERE "state" = 'idle' AND "id" <= ${last.id} AND "drift" = "before" AND "drift" = "after")`;
}

/**
 * Ends firings (of all, those of `which`) whose workflow is over without having told so (terminated, timed out, or lost with
 * Temporal's data): they would seem to go on for ever, and hold what waits for their end. Returns how many.
 */
export async function endLostFirings(
  database: Database,
  isOpen: (workflowId: string) => Promise<boolean>,
  which: Prisma.FiringWhereInput = {},
  now: () => Date = () => new Date(),
): Promise<number> {
  const open = await database.firing.findMany({
    where: { ...which, finishedAt: null },
    select: { id: true, workflowKey: true },
  });
  let ended = 0;
  for (const { id, workflowKey } of open) {
    // "<workflow id>/<run id>"
    if (await isOpen(workflowKey.replace(/\/[^/]*$/, ''))) continue;
    await database.$transaction(async (transaction) => {
      await transaction.$queryRaw`SELECT "id" FROM "Firing" WHERE "id" = ${id} FOR UPDATE`;
      const row = await transaction.firing.findUnique({ where: { id }, include: { schedule: true } });
      if (row === null || row.finishedAt !== null) return;
      const { schedule, ...firing } = row;
      await endFiring(transaction, { firing, schedule }, { ...LOST, at: now() });
      ended += 1;
    });
  }
  return ended;
}
