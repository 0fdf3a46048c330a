import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type PairedComparison, PromotionKind } from '@voxhelm/contracts/schedule';
import type { Database, Transaction } from '@voxhelm/prisma/client';
import { Prisma } from '@voxhelm/prisma/client';
import type { Champion } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import { comparisonCasesIn, learntBy } from './learnt-cases.ts';
import { championBefore } from './schedules/champions.ts';
import { tellWebhooks } from './webhook-outbox.ts';

export { championBefore };

/*
 * Who is champion of a dataset, and how that changes: in one transaction, with its entry in the audit log.
 */

/** A change of champion. */
export interface Promotion {
  readonly datasetId: string;
  readonly runId: string;
  readonly kind: PromotionKind;
  readonly reason: string;
  readonly by: string;
  readonly comparison: PairedComparison | null;
}

/** Holds every other change of this dataset's champion until the transaction ends, and tells who it is. */
export async function lockChampion(transaction: Transaction, datasetId: string): Promise<Champion | null> {
  const name = `champion:${datasetId}`;
  await transaction.$queryRaw(Prisma.sql`SELECT pg_advisory_xact_lock(hashtextextended(${name}, 0))::text`);
  return transaction.champion.findUnique({ where: { datasetId } });
}

/**
 * Makes a run's model the champion in place of whoever it is, within the caller's transaction. Who decides by the present
 * champion takes {@link lockChampion} first and decides then.
 */
export async function promote(transaction: Transaction, promotion: Promotion): Promise<string> {
  const { datasetId, runId, kind, reason, by, comparison } = promotion;
  const current = await lockChampion(transaction, datasetId);
  const id = newId('pro');
  const previousRunId = current?.runId ?? null;
  await transaction.promotion.create({
    data: { id, datasetId, runId, previousRunId, kind, reason, by, comparison: toJson(comparison) },
  });
  await transaction.champion.upsert({
    where: { datasetId },
    create: { datasetId, runId, promotionId: id },
    update: { runId, promotionId: id, since: new Date() },
  });
  await tellWebhooks(transaction, {
    event: 'champion.promoted',
    key: `promotion:${id}`,
    datasetId,
    message: reason,
    data: { runId, previousRunId, kind, promotionId: id },
  });
  return id;
}

/**
 * Makes a completed run's model the champion by hand. Throws `conflict` where it, or a model whose weights it started from, was
 * trained on a comparison case.
 */
export async function promoteByHand(
  database: Database,
  store: ArtifactStore,
  datasetId: string,
  runId: string,
): Promise<string> {
  const run = await database.run.findUnique({
    where: { id: runId },
    include: { artifacts: { where: { kind: 'ensemble-bundle' } } },
  });
  if (run === null) throw new VoxhelmError('not-found', `there is no run ${runId}`);
  if (run.datasetId !== datasetId || run.state !== 'completed' || run.artifacts.length === 0) {
    const why = run.datasetId === datasetId ? `is ${run.state}` : 'is a run of another dataset';
    throw new VoxhelmError('conflict', `run ${runId} ${why}, so its model cannot be the champion`, {
      fix: 'Choose a completed run of this dataset.',
    });
  }
  // What it learnt is settled; what is held out is not, before the lock is there.
  const learnt = await learntBy({ db: database, store }, run);
  return database.$transaction(async (transaction) => {
    const current = await lockChampion(transaction, datasetId);
    if (current?.runId === runId) return current.promotionId;
    const seen = await comparisonCasesIn(transaction, datasetId, learnt);
    if (seen.length > 0) {
      throw new VoxhelmError(
        'conflict',
        `run ${runId}, or one whose weights it started from, was trained on ${seen.length} of the comparison cases (${seen.slice(0, 3).join(', ')})`,
        { fix: 'Choose a run that began after the comparison cases were held out, or trigger a schedule.' },
      );
    }
    const unknown = learnt.unknown.length === 0 ? '' : ` Nobody knows what ${learnt.unknown.join(', ')} learnt from.`;
    return promote(transaction, {
      datasetId,
      runId,
      kind: 'by-hand',
      reason: `Made champion by hand${current === null ? '' : ` in place of ${current.runId}`}.${unknown}`,
      by: 'command',
      comparison: null,
    });
  });
}

/** Makes the champion before the present one champion again. Throws `conflict` where there was none. */
export async function rollBack(database: Database, datasetId: string): Promise<string> {
  return database.$transaction(async (transaction) => {
    const current = await lockChampion(transaction, datasetId);
    const log = await transaction.promotion.findMany({ where: { datasetId }, orderBy: { sequence: 'asc' } });
    const before = championBefore(
      log.map(({ kind, runId }) => ({ kind: fromJson('Promotion.kind', PromotionKind, kind), runId })),
    );
    if (current === null || before === null) {
      throw new VoxhelmError('conflict', `dataset ${datasetId} has no earlier champion to go back to`, {
        fix: 'Name a run instead: voxhelm champion DATASET --set RUN.',
      });
    }
    return promote(transaction, {
      datasetId,
      runId: before,
      kind: 'rollback',
      reason: `Rolled back from ${current.runId} to ${before}.`,
      by: 'command',
      comparison: null,
    });
  });
}
