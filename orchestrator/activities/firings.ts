import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { DatasetCheck } from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { AnalyzeJob } from '@voxhelm/contracts/jobs';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Analysis } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson } from '@voxhelm/prisma/json';
import { readJson } from '@voxhelm/storage/artifact-store';
import { tellWebhooks } from '../webhook-outbox.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { analyzeJobOf, readResult, recordAnalysis, tooFewCases } from './dataset.ts';
import { listingOf } from './dataset-listing.ts';
import type { Dependencies } from './dependencies.ts';
import { changeFiring, firingHasEnded, readFiring } from './firing-rows.ts';

type FiringActivities = Pick<OrchestratorActivities, 'beginFiring' | 'recordFiringLook' | 'endFiring'>;

/** Looks that found nothing are kept so far back; what retrained is kept for ever. */
const IDLE_FIRINGS_KEPT = 200;

/** A firing's beginning (is there anything new?) and its end. */
export function firingActivities(dependencies: Dependencies): FiringActivities {
  const { db, now } = dependencies;

  async function end(firingId: string, state: 'failed' | 'cancelled', message: string): Promise<void> {
    await changeFiring(db, firingId, async (transaction, { firing, schedule }) => {
      if (firingHasEnded(firing)) return;
      await transaction.firing.update({ where: { id: firingId }, data: { state, message, finishedAt: now() } });
      if (state !== 'failed') return;
      await tellWebhooks(transaction, {
        event: 'run.failed',
        key: `firing:${firingId}`,
        datasetId: schedule.datasetId,
        message: `Schedule "${schedule.name}": ${message}`,
        data: { scheduleId: schedule.id, firingId },
      });
    });
  }

  return {
    async beginFiring({ scheduleId, workflowKey, scheduledAt }) {
      const known = await db.firing.findUnique({ where: { workflowKey } });
      const firing = known ?? (await createFiring(dependencies, { scheduleId, workflowKey, scheduledAt }));
      if (firing === null) return null;
      const { schedule } = await readFiring(db, firing.id);
      const dataset = await db.dataset.findUniqueOrThrow({ where: { id: schedule.datasetId } });
      const listing = await listingOf(dataset.path).catch(async (error: unknown) => {
        if (!(error instanceof VoxhelmError) || error.retryable) throw error;
        await end(firing.id, 'failed', error.message);
        return null;
      });
      if (listing === null) return null;
      const seen = await newestAnalysis(db, schedule.datasetId);
      if (listing === schedule.seenListing && seen !== null) {
        await db.firing.update({ where: { id: firing.id }, data: { analysisId: seen.id } });
        return { firingId: firing.id, listing, analyze: null };
      }
      const job: AnalyzeJob = {
        ...analyzeJobOf(dataset, `firings/${firing.id}`),
        known: seen === null ? null : knownOf(seen),
      };
      return { firingId: firing.id, listing, analyze: job };
    },

    async recordFiringLook({ firingId, listing, result }) {
      const read = await readResult(dependencies, result);
      if (read.analysis === null) throw tooFewCases(result);
      await changeFiring(db, firingId, async (transaction, { firing, schedule }) => {
        if (firingHasEnded(firing)) return;
        const { datasetId } = schedule;
        const owner = `firing-${firingId}`;
        const analysisId = await recordAnalysis(transaction, { owner, datasetId, result, read, shown: true });
        const { reusedCases = 0 } = result;
        await transaction.firing.update({ where: { id: firingId }, data: { analysisId, reusedCases } });
        await transaction.schedule.update({ where: { id: schedule.id }, data: { seenListing: listing } });
      });
    },

    endFiring: ({ firingId, state, message }) => end(firingId, state, message),
  };
}

/** Null where the schedule was deleted meanwhile: there is nothing to fire for. */
async function createFiring(
  { db }: Dependencies,
  { scheduleId, workflowKey, scheduledAt }: { scheduleId: string; workflowKey: string; scheduledAt: string },
) {
  return db.$transaction(async (transaction) => {
    await transaction.$queryRaw`SELECT "id" FROM "Schedule" WHERE "id" = ${scheduleId} FOR UPDATE`;
    const schedule = await transaction.schedule.findUnique({ where: { id: scheduleId } });
    if (schedule === null || schedule.deletedAt !== null) return null;
    const { forced, datasetId } = schedule;
    if (forced) await transaction.schedule.update({ where: { id: scheduleId }, data: { forced: false } });
    const champion = await transaction.champion.findUnique({ where: { datasetId } });
    await pruneIdle(transaction, scheduleId);
    return transaction.firing.create({
      data: {
        id: newId('fir'),
        scheduleId,
        workflowKey,
        scheduledAt: new Date(scheduledAt),
        forced,
        championRunId: champion?.runId ?? null,
      },
    });
  });
}

async function pruneIdle(transaction: Transaction, scheduleId: string): Promise<void> {
  const idle = { scheduleId, state: 'idle' };
  const [last] = await transaction.firing.findMany({
    where: idle,
    orderBy: { id: 'desc' },
    skip: IDLE_FIRINGS_KEPT,
    take: 1,
    select: { id: true },
  });
  if (last !== undefined) await transaction.firing.deleteMany({ where: { ...idle, id: { lte: last.id } } });
}

/** The newest check of a dataset with statistics. */
async function newestAnalysis(db: Transaction, datasetId: string): Promise<Analysis | null> {
  const rows = await db.analysis.findMany({ where: { datasetId }, orderBy: { id: 'desc' }, take: 5 });
  return rows.find(({ analysis }) => analysis !== null) ?? null;
}

/** A check's files, for the next one to take over what has not changed. */
export function knownOf({ check, analysis }: Pick<Analysis, 'check' | 'analysis'>): AnalyzeJob['known'] {
  if (analysis === null) return null;
  return {
    check: fromJson('Analysis.check', ArtifactRef, check),
    analysis: fromJson('Analysis.analysis', ArtifactRef, analysis),
  };
}

/** An analysis's check, with its cases. */
export function readCheckOf(
  { store }: Pick<Dependencies, 'store'>,
  row: Pick<Analysis, 'check'>,
): Promise<DatasetCheck> {
  return readJson(store, fromJson('Analysis.check', ArtifactRef, row.check), DatasetCheck);
}
