import { Analysis as AnalysisSchema } from '@voxhelm/contracts/analysis';
import { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { CheckedCase } from '@voxhelm/contracts/dataset';
import { budgetOf } from '@voxhelm/contracts/run';
import type { FeatureDrift, FiringFindings } from '@voxhelm/contracts/schedule';
import { heldOutBy } from '@voxhelm/imaging/datasets/held-out';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Analysis, Run } from '@voxhelm/prisma/generated/client';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { readJson } from '@voxhelm/storage/artifact-store';
import { comparisonSize, drawComparison } from '../schedules/comparison-cases.ts';
import { decideFiring, startsOf } from '../schedules/decide.ts';
import { driftOf } from '../schedules/drift.ts';
import { changesSince } from '../schedules/new-cases.ts';
import { tellWebhooks } from '../webhook-outbox.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import type { Dependencies } from './dependencies.ts';
import { changeFiring, type FiringWithSchedule, firingHasEnded, readFiring } from './firing-rows.ts';
import { readCheckOf } from './firings.ts';
import { readCases } from './plan.ts';
import { createRetrainingRun } from './retraining-runs.ts';
import { elapsedMs } from './run-rows.ts';

/** Deciding whether a firing retrains, and by which runs. */
export function retrainingActivities(dependencies: Dependencies): Pick<OrchestratorActivities, 'planRetraining'> {
  const { db, now } = dependencies;
  return {
    async planRetraining({ firingId }) {
      const found = await readFiring(db, firingId);
      if (firingHasEnded(found.firing)) return { runIds: [] };
      const known = await db.run.findMany({ where: { firingId }, orderBy: { id: 'asc' }, select: { id: true } });
      if (known.length > 0) return { runIds: known.map(({ id }) => id) };
      const look = await lookOf(dependencies, found);
      const { settings, firing } = found;
      const circumstances = { forced: firing.forced, hasChampion: look.champion !== null };
      const decision = decideFiring(settings.trigger, look.findings, circumstances);
      return changeFiring(db, firingId, async (transaction, { firing: locked, schedule }) => {
        if (firingHasEnded(locked)) return { runIds: [] };
        const [farthest] = look.findings.drift;
        const seen = { findings: toJson(look.findings), drift: farthest?.distance ?? null };
        if (!decision.retrain) {
          const data = { ...seen, state: 'idle', reason: decision.reason, message: decision.reason, finishedAt: now() };
          await transaction.firing.update({ where: { id: firingId }, data });
          return { runIds: [] };
        }
        await holdOut(transaction, found, look);
        const budget = settings.run?.budget;
        const budgetMs = budget === undefined ? null : budgetOf(budget).ms;
        const champion = look.champion && { elapsedMs: elapsedMs(look.champion, look.champion.finishedAt ?? now()) };
        const starts = startsOf(settings.start, champion, budgetMs);
        const runIds: string[] = [];
        for (const start of starts) {
          runIds.push(
            await createRetrainingRun(transaction, {
              firing: locked,
              schedule,
              settings,
              start,
              share: starts.length,
              champion: look.champion,
              analysis: look.analysis,
              store: dependencies.store,
            }),
          );
        }
        await transaction.firing.update({
          where: { id: firingId },
          data: { ...seen, state: 'retraining', reason: decision.reason, message: decision.reason },
        });
        if (settings.trigger.kind === 'drift' && farthest !== undefined && farthest.distance > settings.trigger.limit) {
          await tellWebhooks(transaction, {
            event: 'drift',
            key: `drift:${firingId}`,
            datasetId: schedule.datasetId,
            message: decision.reason,
            data: { scheduleId: schedule.id, firingId, drift: farthest.distance, limit: settings.trigger.limit },
          });
        }
        return { runIds };
      });
    },
  };
}

/** What a firing saw. */
interface Look {
  readonly analysis: Analysis;
  readonly champion: Run | null;
  readonly findings: FiringFindings;
  /** Valid training cases of now. */
  readonly cases: readonly CheckedCase[];
  /** Those that the champion was not trained on. */
  readonly unseenByChampion: readonly CheckedCase[];
}

async function lookOf(dependencies: Dependencies, { firing, schedule }: FiringWithSchedule): Promise<Look> {
  const { db } = dependencies;
  const { datasetId } = schedule;
  const [analysis, champion, baseline] = await Promise.all([
    db.analysis.findUniqueOrThrow({ where: { id: firing.analysisId ?? '' } }),
    firing.championRunId === null ? null : db.run.findUnique({ where: { id: firing.championRunId } }),
    lastTrained(db, datasetId, firing.championRunId),
  ]);
  const check = await readCheckOf(dependencies, analysis);
  const cases = check.cases.filter(({ role, valid }) => role === 'training' && valid);
  const changes = changesSince(await trainingContents(db, baseline), cases);
  const changed = new Set([...changes.newCases, ...changes.correctedCases]);
  const trained = champion === null ? [] : await readCases(dependencies, champion);
  const trainedIds = new Set(trained.filter(({ fold }) => fold !== null).map(({ caseId }) => caseId));
  return {
    analysis,
    champion,
    cases,
    unseenByChampion: cases.filter(({ caseId }) => !trainedIds.has(caseId)),
    findings: {
      ...changes,
      unlabelledCases: check.cases.filter(({ role }) => role === 'unlabelled').length,
      drift: champion === null ? [] : await driftFrom(dependencies, champion, trainedIds, analysis, changed),
    },
  };
}

/** The analysis of the newest training that counts: a schedule's last completed retraining, or the champion's own. */
async function lastTrained(db: Transaction, datasetId: string, championRunId: string | null): Promise<string | null> {
  const rows = await db.run.findMany({
    where: {
      datasetId,
      state: 'completed',
      OR: [{ firingId: { not: null } }, ...(championRunId === null ? [] : [{ id: championRunId }])],
    },
    orderBy: { id: 'desc' },
    take: 1,
    select: { analysisId: true },
  });
  return rows[0]?.analysisId ?? null;
}

async function trainingContents(db: Transaction, analysisId: string | null) {
  if (analysisId === null) return [];
  return db.datasetCase.findMany({
    where: { analysisId, role: 'training', valid: true },
    select: { caseId: true, sha256: true },
  });
}

async function driftFrom(
  { db, store }: Dependencies,
  champion: Run,
  trainedIds: ReadonlySet<string>,
  analysis: Analysis,
  changed: ReadonlySet<string>,
): Promise<FeatureDrift[]> {
  const before = await db.analysis.findUniqueOrThrow({ where: { id: champion.analysisId ?? '' } });
  const read = (row: Analysis) =>
    readJson(store, fromJson('Analysis.analysis', ArtifactRef, row.analysis), AnalysisSchema);
  const [then, now] = await Promise.all([read(before), read(analysis)]);
  return driftOf(
    then.cases.filter(({ caseId }) => trainedIds.has(caseId)),
    now.cases.filter(({ caseId }) => changed.has(caseId)),
  );
}

/**
 * Holds comparison cases out, before anything trains on them: at first a share of those that no champion was trained on,
 * later a share of the new ones.
 */
async function holdOut(
  transaction: Transaction,
  { schedule, settings }: FiringWithSchedule,
  look: Look,
): Promise<void> {
  const { datasetId } = schedule;
  const held = await transaction.comparisonCase.findMany({ where: { datasetId } });
  const isHeld = heldOutBy(held);
  const free = look.unseenByChampion.filter((one) => !isHeld(one));
  const { cases: wanted, shareOfNew } = settings.comparison;
  const fresh = new Set(look.findings.newCases);
  const candidates = held.length === 0 ? free : free.filter(({ caseId }) => fresh.has(caseId));
  const count =
    held.length === 0 ? comparisonSize(candidates.length, wanted) : Math.floor(candidates.length * shareOfNew);
  await transaction.comparisonCase.createMany({
    data: drawComparison(candidates, count, datasetId).map(({ caseId, sha256, voxelSha256, patient }) => ({
      datasetId,
      caseId,
      sha256: sha256 ?? '',
      voxelSha256: voxelSha256 ?? null,
      patient: patient ?? null,
    })),
    skipDuplicates: true,
  });
}
