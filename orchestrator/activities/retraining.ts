import { Analysis as AnalysisSchema } from '@voxhelm/contracts/analysis';
import { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { CheckedCase } from '@voxhelm/contracts/dataset';
import type { CaseIdentity } from '@voxhelm/contracts/jobs';
import type { FeatureDrift, FiringFindings, ScheduleSettings } from '@voxhelm/contracts/schedule';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import type { Transaction } from '@voxhelm/prisma/client';
import type { Analysis, Run } from '@voxhelm/prisma/generated/client';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { readJson } from '@voxhelm/storage/artifact-store';
import { readCheckOf } from '../known-analysis.ts';
import { learntBy } from '../learnt-cases.ts';
import { lockChampion } from '../promotions.ts';
import { readCases } from '../run-cases.ts';
import { whyNotAgain } from '../schedules/again.ts';
import { LEAST_PAIRS } from '../schedules/compare.ts';
import { decideFiring, type FiringDecision, startsOf, wallClockMs } from '../schedules/decide.ts';
import { driftOf } from '../schedules/drift.ts';
import { changesSince } from '../schedules/new-cases.ts';
import { tellWebhooks } from '../webhook-outbox.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { comparisonFor, holdOut } from './comparison-draw.ts';
import type { Dependencies } from './dependencies.ts';
import { changeFiring, type FiringWithSchedule, firingHasEnded, readFiring } from './firing-rows.ts';
import { heldOutOf } from './held-out.ts';
import { endLostRetrainings, otherRetrainings } from './one-retraining.ts';
import { createRetrainingRun } from './retraining-runs.ts';
import { elapsedMs } from './run-rows.ts';
import { vainAttempts } from './vain-attempts.ts';

/** Deciding whether a firing retrains, and by which runs. */
export function retrainingActivities(dependencies: Dependencies): Pick<OrchestratorActivities, 'planRetraining'> {
  const { db } = dependencies;
  return {
    async planRetraining({ firingId }) {
      for (;;) {
        const found = await readFiring(db, firingId);
        if (firingHasEnded(found.firing)) return { runIds: [] };
        const known = await db.run.findMany({ where: { firingId }, orderBy: { id: 'asc' }, select: { id: true } });
        if (known.length > 0) return { runIds: known.map(({ id }) => id) };
        await endLostRetrainings(dependencies, found);
        const look = await lookOf(dependencies, found);
        const runIds = await changeFiring(db, firingId, (transaction, locked) =>
          planFor(dependencies, transaction, locked, look),
        );
        if (runIds !== null) return { runIds };
      }
    },
  };
}

/**
 * Decides, holds comparison cases out and makes the runs: under the champion's lock, so that nobody becomes champion and no
 * other firing of the dataset begins meanwhile. Null where another one became champion since the look, which begins anew.
 */
async function planFor(
  { now, store }: Dependencies,
  transaction: Transaction,
  found: FiringWithSchedule,
  look: Look,
): Promise<string[] | null> {
  const { firing, schedule, settings } = found;
  if (firingHasEnded(firing)) return [];
  const where = { id: firing.id };
  const championRunId = (await lockChampion(transaction, schedule.datasetId))?.runId ?? null;
  if (championRunId !== (look.champion?.id ?? null)) {
    await transaction.firing.update({ where, data: { championRunId } });
    return null;
  }
  const [farthest] = look.findings.drift;
  const seen = { findings: toJson(look.findings), drift: farthest?.distance ?? null };
  const { decision, draw } = await decide(transaction, found, look);
  const told = { reason: decision.reason, message: decision.reason };
  if (!decision.retrain) {
    const data = { ...seen, ...told, state: 'idle', finishedAt: now() };
    await transaction.firing.update({ where, data });
    return [];
  }
  await holdOut(transaction, schedule.datasetId, draw);
  const champion = look.champion && { elapsedMs: elapsedMs(look.champion, look.champion.finishedAt ?? now()) };
  const starts = startsOf(settings.start, champion, look.budgetMs);
  const runIds: string[] = [];
  for (const start of starts) {
    runIds.push(
      await createRetrainingRun(transaction, {
        ...{ firing, schedule, settings, start, store },
        share: starts.length,
        champion: look.champion,
        analysis: look.analysis,
      }),
    );
  }
  await transaction.firing.update({ where, data: { ...seen, ...told, state: 'retraining' } });
  if (settings.trigger.kind === 'drift' && farthest !== undefined && farthest.distance > settings.trigger.limit) {
    await tellWebhooks(transaction, {
      event: 'drift',
      key: `drift:${firing.id}`,
      datasetId: schedule.datasetId,
      message: decision.reason,
      data: { scheduleId: schedule.id, firingId: firing.id, drift: farthest.distance, limit: settings.trigger.limit },
    });
  }
  return runIds;
}

/** Whether to retrain: by the trigger, unless another firing retrains already or no challenger could win; what to hold out. */
async function decide(
  transaction: Transaction,
  found: FiringWithSchedule,
  look: Look,
): Promise<{ readonly decision: FiringDecision; readonly draw: readonly CheckedCase[] }> {
  const { firing, schedule, settings } = found;
  const circumstances = { forced: firing.forced, hasChampion: look.champion !== null, notAgain: look.notAgain };
  const decision = decideFiring(settings.trigger, look.findings, circumstances);
  if (!decision.retrain) return { decision, draw: [] };
  const [other] = await otherRetrainings(transaction, found);
  if (other !== undefined) {
    // What was asked for by hand is not forgotten: the next look does it.
    if (firing.forced) await transaction.schedule.update({ where: { id: schedule.id }, data: { forced: true } });
    const later = firing.forced ? 'The next look retrains.' : 'The next look decides anew.';
    const reason = `${decision.reason} But firing ${other.id} of schedule "${other.schedule.name}" retrains on this dataset already. ${later}`;
    return { decision: { retrain: false, reason }, draw: [] };
  }
  const { draw, usable, wanted } = await comparisonFor(transaction, found, {
    ...look,
    newCases: look.findings.newCases,
  });
  const cases = usable + draw.length;
  if (look.champion !== null && cases < LEAST_PAIRS) {
    const reason = `${decision.reason} But no challenger could win: of the cases that champion ${look.champion.id} did not learn from ${cases} can be compared on, and the test needs ${LEAST_PAIRS}. More labelled cases change that.`;
    return { decision: { retrain: false, reason }, draw: [] };
  }
  const fewer =
    wanted !== undefined && cases < wanted
      ? ` Compared on ${cases} cases, not on the ${wanted} asked for: there are no more to hold out.`
      : '';
  return { decision: { ...decision, reason: `${decision.reason}${fewer}` }, draw };
}

/** What a firing saw. */
interface Look {
  readonly analysis: Analysis;
  readonly champion: Run | null;
  readonly findings: FiringFindings;
  /** Valid training cases of now. */
  readonly cases: readonly CheckedCase[];
  /** Those that the champion did not learn from, nor any model whose weights it started from. */
  readonly unseenByChampion: readonly CheckedCase[];
  /** Why these cases are not tried again now; null where they may be. */
  readonly notAgain: string | null;
  /** What a retraining may take of the wall clock; null without a budget. */
  readonly budgetMs: number | null;
}

async function lookOf(dependencies: Dependencies, found: FiringWithSchedule): Promise<Look> {
  const { db, now } = dependencies;
  const { firing, schedule, settings } = found;
  const { datasetId } = schedule;
  const [analysis, champion, baseline] = await Promise.all([
    db.analysis.findUniqueOrThrow({ where: { id: firing.analysisId ?? '' } }),
    firing.championRunId === null ? null : db.run.findUnique({ where: { id: firing.championRunId } }),
    lastTrained(db, datasetId, firing.championRunId),
  ]);
  const check = await readCheckOf(dependencies, analysis);
  const cases = check.cases.filter(({ role, valid }) => role === 'training' && valid);
  // Comparison cases are not trained on: a corrected label of one judges the models anew and teaches them nothing.
  const isHeld = sameCaseAs(await heldOutOf(db, datasetId));
  const isTrained = (one: CaseIdentity): boolean => !isHeld(one);
  const before = await trainingContents(db, baseline);
  const changes = changesSince(before.filter(isTrained), cases.filter(isTrained));
  const changed = new Set([...changes.newCases, ...changes.correctedCases]);
  const trained =
    champion === null ? [] : (await readCases(dependencies, champion)).filter(({ fold }) => fold !== null);
  const trainedIds = new Set(trained.map(({ caseId }) => caseId));
  const isSeen = sameCaseAs(champion === null ? [] : (await learntBy(dependencies, champion)).cases);
  return {
    analysis,
    champion,
    cases,
    unseenByChampion: cases.filter((one) => !isSeen(one)),
    notAgain: whyNotAgain(await vainAttempts(db, found, analysis), now()),
    budgetMs: await wallClockOf(dependencies, settings),
    findings: {
      ...changes,
      unlabelledCases: check.cases.filter(({ role }) => role === 'unlabelled').length,
      drift: champion === null ? [] : await driftFrom(dependencies, champion, trainedIds, analysis, changed),
    },
  };
}

/** A retraining's budget as time of the wall clock, with the trainers that are there now; null for none. */
async function wallClockOf({ temporal }: Dependencies, { run }: ScheduleSettings): Promise<number | null> {
  if (run?.budget === undefined) return null;
  return wallClockMs(run.budget, run.search?.parallel ?? Math.max(1, await temporal.countTrainers()));
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
    select: { caseId: true, sha256: true, voxelSha256: true, patient: true },
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
