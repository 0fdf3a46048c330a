import { Prisma, type Transaction } from '@voxhelm/prisma/client';
import type { Analysis } from '@voxhelm/prisma/generated/client';
import type { VainAttempt } from '../schedules/again.ts';
import type { FiringWithSchedule } from './firing-rows.ts';

/** Retrainings that are looked back at; from the ninth failure on the wait is the same. */
const ATTEMPTS_SEEN = 12;

/**
 * This schedule's retrainings on the cases that it sees now which made no model, newest first, and those of the dataset's other
 * schedules that a person cancelled. (Their failures say nothing here: they may train otherwise.)
 */
export async function vainAttempts(
  db: Transaction,
  { firing, schedule, settings }: FiringWithSchedule,
  { fingerprint }: Analysis,
): Promise<VainAttempt[]> {
  // Findings are written where it is decided to retrain, and with looks that found no reason to.
  const tried = await db.firing.findMany({
    where: {
      id: { not: firing.id },
      findings: { not: Prisma.DbNull },
      OR: [
        { scheduleId: schedule.id, state: { in: ['promoted', 'kept', 'failed', 'cancelled'] } },
        { schedule: { datasetId: schedule.datasetId }, state: 'failed', runs: { some: { state: 'cancelled' } } },
      ],
    },
    orderBy: { id: 'desc' },
    take: ATTEMPTS_SEEN,
    include: { runs: { select: { state: true, finishedAt: true } } },
  });
  const analyses = await db.analysis.findMany({
    where: { id: { in: tried.map(({ analysisId }) => analysisId ?? '') } },
    select: { id: true, fingerprint: true },
  });
  const seen = new Map(analyses.map((row) => [row.id, row.fingerprint]));
  const attempts: VainAttempt[] = [];
  for (const { state, message, finishedAt, createdAt, analysisId, runs } of tried) {
    if (state === 'promoted' || state === 'kept' || seen.get(analysisId ?? '') !== fingerprint) break;
    // By this policy a firing is cancelled by the next one, which means to go on in its place.
    if (state === 'cancelled' && settings.overlap === 'cancel-other') continue;
    // Its workflow was ended from outside, which says nothing of the cases: its run may still end well.
    if (runs.some((run) => run.finishedAt === null)) continue;
    const cancelled = state === 'cancelled' || runs.some((run) => run.state === 'cancelled');
    attempts.push({ endedAt: finishedAt ?? createdAt, cancelled, message });
  }
  return attempts;
}
