import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { AnalyzeJob } from '@voxhelm/contracts/jobs';
import { newId } from '@voxhelm/prisma/ids';
import { endFiring, pruneLooks } from '../firing-end.ts';
import { knownOf, registeredAnalysis } from '../known-analysis.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { analyzeJobOf, readResult, recordAnalysis, tooFewCases } from './dataset.ts';
import { listingOf } from './dataset-listing.ts';
import type { Dependencies } from './dependencies.ts';
import { changeFiring, firingHasEnded, readFiring } from './firing-rows.ts';

type FiringActivities = Pick<OrchestratorActivities, 'beginFiring' | 'recordFiringLook' | 'endFiring'>;

/** A firing's beginning (is there anything new?) and its end. */
export function firingActivities(dependencies: Dependencies): FiringActivities {
  const { db, now } = dependencies;

  async function end(firingId: string, state: 'failed' | 'cancelled', message: string): Promise<void> {
    await changeFiring(db, firingId, async (transaction, found) => {
      if (!firingHasEnded(found.firing)) await endFiring(transaction, found, { state, message, at: now() });
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
      const { seenAnalysisId } = schedule;
      if (listing === schedule.seenListing && seenAnalysisId !== null) {
        // By this schedule's own look: another check of the dataset may have begun before the files came.
        await db.firing.update({ where: { id: firing.id }, data: { analysisId: seenAnalysisId } });
        return { firingId: firing.id, listing, analyze: null };
      }
      const earlier = await registeredAnalysis(db, schedule.datasetId);
      const job: AnalyzeJob = {
        ...analyzeJobOf(dataset, `firings/${firing.id}`),
        known: earlier === null ? null : knownOf(earlier),
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
        const seen = { seenListing: listing, seenAnalysisId: analysisId };
        await transaction.schedule.update({ where: { id: schedule.id }, data: seen });
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
    await pruneLooks(transaction, scheduleId);
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
