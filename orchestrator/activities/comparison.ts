import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { EnsemblePlan } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { CaseScores, Evaluation } from '@voxhelm/contracts/evaluation';
import type { ScoreJob, TrainingCase } from '@voxhelm/contracts/jobs';
import type { PairedComparison } from '@voxhelm/contracts/schedule';
import type { Prisma, Transaction } from '@voxhelm/prisma/client';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { lockChampion, promote } from '../promotions.ts';
import { compareModels } from '../schedules/compare.ts';
import { tellWebhooks } from '../webhook-outbox.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import type { Dependencies } from './dependencies.ts';
import { changeFiring, type FiringWithSchedule, firingHasEnded, readFiring } from './firing-rows.ts';
import { readCheckOf } from './firings.ts';

type ComparisonActivities = Pick<OrchestratorActivities, 'prepareComparison' | 'recordScores' | 'concludeFiring'>;

/** Champion against challenger on the comparison cases, and what follows. */
export function comparisonActivities(dependencies: Dependencies): ComparisonActivities {
  const { db, store, now } = dependencies;
  return {
    async prepareComparison({ firingId }) {
      const found = await readFiring(db, firingId);
      if (firingHasEnded(found.firing)) return { jobs: [] };
      const challenger = await chooseChallenger(db, firingId);
      const cases = await comparisonCases(dependencies, found);
      await changeFiring(db, firingId, async (transaction, { firing }) => {
        if (firingHasEnded(firing)) return;
        await transaction.firing.update({
          where: { id: firingId },
          data: { state: 'comparing', challengerRunId: challenger.runId },
        });
      });
      const runIds = [found.firing.championRunId, challenger.runId].filter((id) => id !== null);
      const jobs = await Promise.all(runIds.map((runId) => scoreJob(dependencies, firingId, runId, cases)));
      return { jobs: jobs.filter((job) => job !== null) };
    },

    async recordScores({ firingId, runId, result }) {
      const found = await readFiring(db, firingId);
      const [evaluation, cases] = await Promise.all([
        readJson(store, result.evaluation, Evaluation),
        comparisonCases(dependencies, found),
      ]);
      const hashOf = new Map(cases.map(({ caseId, sha256 }) => [caseId, sha256]));
      await db.comparisonScore.createMany({
        data: evaluation.cases.map((scores) => ({
          runId,
          caseId: scores.case,
          sha256: hashOf.get(scores.case) ?? '',
          dice: scores.dice,
          scores: scores as unknown as Prisma.InputJsonObject,
        })),
        skipDuplicates: true,
      });
    },

    async concludeFiring({ firingId }) {
      const found = await readFiring(db, firingId);
      if (firingHasEnded(found.firing)) return;
      const { championRunId, challengerRunId } = found.firing;
      if (challengerRunId === null) throw new VoxhelmError('internal', `firing ${firingId} has no challenger`);
      const cases = await comparisonCases(dependencies, found);
      const comparison =
        championRunId === null ? null : await compareRuns(db, found, championRunId, challengerRunId, cases);
      await changeFiring(db, firingId, async (transaction, { firing, schedule }) => {
        if (firingHasEnded(firing)) return;
        const { datasetId } = schedule;
        const current = (await lockChampion(transaction, datasetId))?.runId ?? null;
        const decided = verdict(championRunId, current, comparison);
        const data = { comparison: toJson(comparison), finishedAt: now() };
        if (decided.kind === 'keep') {
          const message = decided.reason;
          await transaction.firing.update({ where: { id: firingId }, data: { ...data, state: 'kept', message } });
          await tellWebhooks(transaction, {
            event: 'champion.kept',
            key: `firing:${firingId}`,
            datasetId,
            message,
            data: { scheduleId: schedule.id, firingId, championRunId: current, challengerRunId },
          });
          return;
        }
        // All or nothing: the audit log, the champion, the webhooks' messages and the firing's own end.
        await promote(transaction, {
          datasetId,
          runId: challengerRunId,
          kind: decided.kind,
          reason: decided.reason,
          by: firingId,
          comparison,
        });
        const message = decided.reason;
        await transaction.firing.update({ where: { id: firingId }, data: { ...data, state: 'promoted', message } });
      });
    },
  };
}

type Verdict = { readonly kind: 'keep' | 'first' | 'better'; readonly reason: string };

function verdict(expected: string | null, current: string | null, comparison: PairedComparison | null): Verdict {
  if (current !== expected) {
    const reason = `Kept the champion: it changed to ${current ?? 'nobody'} while this challenger trained, and was compared with ${expected ?? 'nobody'}.`;
    return { kind: 'keep', reason };
  }
  if (comparison === null)
    return { kind: 'first', reason: 'Promoted: the first champion; there was nothing to compare with.' };
  return { kind: comparison.better ? 'better' : 'keep', reason: comparison.reason };
}

/**
 * Of a firing's completed runs, the one with the better validation Dice of its ensemble: the runs keep the same folds, so the
 * same cases judge both, and the comparison cases judge only once. Throws `conflict` where none was completed.
 */
async function chooseChallenger(db: Transaction, firingId: string): Promise<{ runId: string }> {
  const runs = await db.run.findMany({
    where: { firingId },
    orderBy: { id: 'asc' },
    select: { id: true, name: true, state: true, message: true, ensemble: { select: { plan: true } } },
  });
  const done = runs.flatMap(({ id, state, ensemble }) => {
    if (state !== 'completed' || ensemble === null) return [];
    return [{ runId: id, dice: fromJson('Ensemble.plan', EnsemblePlan, ensemble.plan).chosen.validationDice ?? -1 }];
  });
  const [first, ...others] = done;
  if (first === undefined) {
    const [run] = runs;
    throw new VoxhelmError(
      'conflict',
      `the retraining ended without a model: run ${run?.id} ${run?.state}: ${run?.message}`,
      {
        fix: 'Look at the run; the champion stays as it is.',
      },
    );
  }
  return others.reduce((a, b) => (b.dice > a.dice ? b : a), first);
}

/** A comparison case as its files are now. */
type ComparisonCase = TrainingCase & { readonly sha256: string };

async function comparisonCases(
  dependencies: Dependencies,
  { firing, schedule }: FiringWithSchedule,
): Promise<ComparisonCase[]> {
  const { db } = dependencies;
  const [analysis, held] = await Promise.all([
    db.analysis.findUniqueOrThrow({ where: { id: firing.analysisId ?? '' } }),
    db.comparisonCase.findMany({ where: { datasetId: schedule.datasetId } }),
  ]);
  const ids = new Set(held.map(({ caseId }) => caseId));
  const check = await readCheckOf(dependencies, analysis);
  return check.cases
    .filter(({ role, valid, caseId, label }) => role === 'training' && valid && label !== null && ids.has(caseId))
    .map(({ caseId, images, label, sha256 }) => ({ caseId, images, label, fold: null, sha256: sha256 ?? '' }));
}

/** The job that scores a run's bundle on the cases that it was not scored on before; null where there is none. */
async function scoreJob(
  { db, store }: Dependencies,
  firingId: string,
  runId: string,
  cases: readonly ComparisonCase[],
): Promise<{ runId: string; job: ScoreJob } | null> {
  const [known, bundle] = await Promise.all([
    db.comparisonScore.findMany({ where: { runId }, select: { caseId: true, sha256: true } }),
    db.artifact.findFirst({ where: { runId, kind: 'ensemble-bundle' } }),
  ]);
  const scored = new Set(known.map(({ caseId, sha256 }) => `${sha256} ${caseId}`));
  const missing = cases.filter(({ caseId, sha256 }) => !scored.has(`${sha256} ${caseId}`));
  if (missing.length === 0) return null;
  if (bundle === null) throw new VoxhelmError('storage', `run ${runId} has no bundle to compare`);
  const artifactPrefix = `firings/${firingId}/comparison/${runId}`;
  const ref: ArtifactRef = { uri: bundle.uri, sha256: bundle.sha256, bytes: Number(bundle.bytes) };
  const job: ScoreJob = {
    kind: 'score',
    bundle: ref,
    cases: await writeJson(
      store,
      `${artifactPrefix}/cases.json`,
      missing.map(({ sha256: _, ...one }) => one),
    ),
    artifactPrefix,
  };
  return { runId, job };
}

async function compareRuns(
  db: Transaction,
  { settings }: FiringWithSchedule,
  championRunId: string,
  challengerRunId: string,
  cases: readonly ComparisonCase[],
): Promise<PairedComparison> {
  const scoresOf = async (runId: string): Promise<CaseScores[]> => {
    const rows = await db.comparisonScore.findMany({ where: { runId }, orderBy: { caseId: 'asc' } });
    const now = new Set(cases.map(({ caseId, sha256 }) => `${sha256} ${caseId}`));
    return rows
      .filter(({ caseId, sha256 }) => now.has(`${sha256} ${caseId}`))
      .map(({ scores }) => fromJson('ComparisonScore.scores', CaseScores, scores));
  };
  const [champion, challenger] = await Promise.all([scoresOf(championRunId), scoresOf(challengerRunId)]);
  return compareModels(
    { runId: championRunId, scores: champion },
    { runId: challengerRunId, scores: challenger },
    settings.promotion,
  );
}
