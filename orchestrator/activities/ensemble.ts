import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { Evaluation } from '@voxhelm/contracts/evaluation';
import type { EnsembleCandidateMember, EnsembleJob, EnsembleJobResult, RunReport } from '@voxhelm/contracts/jobs';
import { Point } from '@voxhelm/contracts/trial';
import type { Prisma, Transaction } from '@voxhelm/prisma/client';
import type { Run, Trial } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJson, toJson } from '@voxhelm/prisma/json';
import { ensembleBaseMs, mostMembers } from '@voxhelm/search/training-time';
import { readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import { readCases } from '../run-cases.ts';
import { tellWebhooks } from '../webhook-outbox.ts';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import type { Dependencies } from './dependencies.ts';
import { addEvents, changeRun, enterStage, hasEnded, readRun, remainingMs } from './run-rows.ts';
import { loadStudy } from './schedule.ts';

type EnsembleActivities = Pick<OrchestratorActivities, 'prepareEnsemble' | 'recordEnsemble'>;

/** Models of one fold that the ensemble may choose from, and the best of each algorithm: more cost time and were never chosen. */
const CANDIDATES_PER_FOLD = 10;

/** Trials whose curves the report draws, and the points of each curve. */
const TRIALS_WITH_CURVES = 100;
const POINTS_PER_CURVE = 200;

/** Handing the trained models to the ensembler, and recording what it made. */
export function ensembleActivities(dependencies: Dependencies): EnsembleActivities {
  const { db, store, now } = dependencies;
  return {
    async prepareEnsemble({ runId }) {
      const run = await readRun(db, runId);
      const [dataset, analysis, trials] = await Promise.all([
        db.dataset.findUniqueOrThrow({ where: { id: run.datasetId } }),
        db.analysis.findUniqueOrThrow({ where: { id: run.analysisId ?? '' } }),
        db.trial.findMany({ where: { runId }, orderBy: { number: 'asc' } }),
      ]);
      const members = membersOf(trials);
      if (members.length === 0) {
        throw new VoxhelmError('conflict', `run ${runId} has no trained model to build an ensemble of`);
      }
      const prefix = `runs/${runId}/ensemble`;
      const report = await reportOf(db, { runId, name: run.name, datasetName: dataset.name }, trials);
      const [membersArtifact, reportArtifact] = [
        await writeJson(store, `${prefix}/members.json`, members),
        await writeJson(store, `${prefix}/run-report.json`, report),
      ];
      await changeRun(db, runId, async (transaction, locked) => {
        if (hasEnded(locked)) return;
        const message = `Choosing the ensemble from ${members.length} models on their validation predictions.`;
        await enterStage(transaction, locked, 'ensemble', message);
      });
      const budgetMs = await timeForChoosing(dependencies, run, now());
      const job: EnsembleJob = {
        kind: 'ensemble',
        runId,
        name: run.name,
        members: membersArtifact,
        cases: fromJson('Run.casesArtifact', ArtifactRef, run.casesArtifact),
        datasetFingerprint: analysis.fingerprint,
        report: reportArtifact,
        seed: run.seed,
        createdAt: now().toISOString(),
        artifactPrefix: prefix,
        budgetMs,
      };
      return job;
    },

    async recordEnsemble({ runId, result }) {
      const test = result.test === null ? null : await readJson(store, result.test, Evaluation);
      await changeRun(db, runId, async (transaction, run) => {
        if (hasEnded(run)) return;
        const { chosen } = result.plan;
        await transaction.ensemble.createMany({ data: [ensembleRow(runId, result, test)], skipDuplicates: true });
        await recordMembers(transaction, runId, chosen.trialIds);
        if (test !== null) {
          await transaction.caseScore.createMany({ data: testScores(runId, test), skipDuplicates: true });
        }
        await transaction.artifact.createMany({
          data: [
            artifactRow(runId, 'ensemble-bundle', 'bundle.zip', result.bundle),
            artifactRow(runId, 'report', 'report.html', result.reportHtml),
          ],
          skipDuplicates: true,
        });
        const members = `${chosen.trialIds.length} ${chosen.trialIds.length === 1 ? 'member' : 'members'}`;
        const dice = result.testDice === null ? '' : `, Dice ${result.testDice.toFixed(3)} on the test cases`;
        await addEvents(transaction, runId, {
          key: 'ensemble.built',
          type: 'ensemble.built',
          message: `The ensemble has ${members} (${chosen.fusion.mode}, ${chosen.rule})${dice}.`,
          data: { trialIds: chosen.trialIds, testDice: result.testDice, testHd95Mm: result.testHd95Mm },
        });
        const message = `Done: an ensemble of ${members}${dice}.`;
        await enterStage(transaction, run, 'done', message, {
          state: 'completed',
          testDice: result.testDice,
          finishedAt: now(),
          plannedUntil: null,
        });
        await addEvents(transaction, runId, { key: 'ended', type: 'run.completed', message });
        await tellWebhooks(transaction, {
          event: 'run.finished',
          key: `run:${runId}`,
          datasetId: run.datasetId,
          message,
          data: { runId, name: run.name, testDice: result.testDice },
        });
      });
    },
  };
}

/** The trained models that may become members: those with a validated checkpoint, the best few of each fold. */
export function membersOf(trials: readonly Trial[]): EnsembleCandidateMember[] {
  const byFold = new Map<number, EnsembleCandidateMember[]>();
  const continued = new Set(
    trials.flatMap(({ kind, state, sourceTrialId }) =>
      kind === 'search' && state === 'completed' ? [sourceTrialId] : [],
    ),
  );
  for (const trial of trials) {
    // Whoever went on from it is the same configuration, trained longer.
    if (continued.has(trial.id)) continue;
    const { checkpoint, predictions, planArtifact, bestDice, bestStep } = trial;
    if (!['completed', 'pruned'].includes(trial.state) || bestDice === null || bestStep === null) continue;
    if (checkpoint === null || predictions === null || planArtifact === null) continue;
    const member = {
      trialId: trial.id,
      algorithm: trial.algorithm,
      fold: trial.fold,
      step: bestStep,
      validationDice: bestDice,
      plan: fromJson('Trial.planArtifact', ArtifactRef, planArtifact),
      checkpoint: fromJson('Trial.checkpoint', ArtifactRef, checkpoint),
      predictions: fromJson('Trial.predictions', ArtifactRef, predictions),
    };
    byFold.set(trial.fold, [...(byFold.get(trial.fold) ?? []), member]);
  }
  return [...byFold.values()].flatMap((members) => {
    const sorted = members.sort((a, b) => b.validationDice - a.validationDice);
    const isBestOfItsAlgorithm = (member: EnsembleCandidateMember) =>
      sorted.find(({ algorithm }) => algorithm === member.algorithm) === member;
    return sorted.filter((member, place) => place < CANDIDATES_PER_FOLD || isBestOfItsAlgorithm(member));
  });
}

/** Milliseconds beyond what the plain ensemble takes, which is always built; null without a budget. */
async function timeForChoosing(dependencies: Dependencies, run: Run, now: Date): Promise<number | null> {
  const left = remainingMs(run, now);
  if (left === null) return null;
  const [cases, { schedule }] = await Promise.all([readCases(dependencies, run), loadStudy(dependencies.db, run.id)]);
  // Test images without a label are neither predicted nor scored.
  const tests = cases.filter(({ fold, label }) => fold === null && label !== null).length;
  const algorithms = Object.values(schedule.algorithms);
  const members = mostMembers(schedule.allocation.folds, algorithms.length);
  const plainMs = algorithms.map(({ probe }) => ensembleBaseMs(probe, members, schedule.trainingCases, tests));
  return Math.max(1, left - Math.max(...plainMs));
}

async function reportOf(
  db: Transaction,
  names: Pick<RunReport, 'runId' | 'name' | 'datasetName'>,
  trials: readonly Trial[],
): Promise<RunReport> {
  const best = [...trials].sort((a, b) => (b.bestDice ?? -1) - (a.bestDice ?? -1)).slice(0, TRIALS_WITH_CURVES);
  const curves = await curvesOf(
    db,
    best.map(({ id }) => id),
  );
  return {
    ...names,
    trials: trials.map((trial) => ({
      trialId: trial.id,
      number: trial.number,
      kind: trial.kind as 'search' | 'fold',
      algorithm: trial.algorithm,
      fold: trial.fold,
      state: trial.state,
      steps: trial.steps,
      bestDice: trial.bestDice,
      diceByClass: fromJson('Trial.diceByClass', z.record(z.string(), z.number().nullable()), trial.diceByClass),
      point: fromJson('Trial.point', Point, trial.point),
      curves: curves.get(trial.id) ?? {},
    })),
  };
}

/** Metric curves thinned evenly, the last point always kept. */
async function curvesOf(db: Transaction, trialIds: readonly string[]) {
  const rows = await db.$queryRaw<{ trialId: string; series: string; step: number; value: number }[]>`
    SELECT "trialId", "series", "step", "value" FROM (
      SELECT *, row_number() OVER w AS position, count(*) OVER (PARTITION BY "trialId", "series") AS points
      FROM "MetricPoint" WHERE "trialId" = ANY(${[...trialIds]})
      WINDOW w AS (PARTITION BY "trialId", "series" ORDER BY "step")
    ) AS numbered
    WHERE position = points OR position % greatest(1, points / ${POINTS_PER_CURVE}) = 0
    ORDER BY "trialId", "series", "step"`;
  const curves = new Map<string, Record<string, [number, number][]>>();
  for (const { trialId, series, step, value } of rows) {
    const own = curves.get(trialId) ?? {};
    (own[series] ??= []).push([step, value]);
    curves.set(trialId, own);
  }
  return curves;
}

function ensembleRow(runId: string, result: EnsembleJobResult, test: Evaluation | null) {
  return {
    runId,
    plan: result.plan as Prisma.InputJsonObject,
    test: toJson(test),
    testDice: result.testDice,
    testHd95Mm: result.testHd95Mm,
  };
}

async function recordMembers(transaction: Transaction, runId: string, trialIds: readonly string[]): Promise<void> {
  const trials = await transaction.trial.findMany({
    where: { id: { in: [...trialIds] } },
    select: { id: true, algorithm: true, fold: true, bestDice: true },
  });
  const byId = new Map(trials.map((trial) => [trial.id, trial]));
  await transaction.ensembleMember.createMany({
    data: trialIds.flatMap((trialId, position) => {
      const trial = byId.get(trialId);
      if (trial === undefined) return [];
      const { algorithm, fold, bestDice } = trial;
      return [{ runId, trialId, position, algorithm, fold, validationDice: bestDice }];
    }),
    skipDuplicates: true,
  });
}

function testScores(runId: string, test: Evaluation): Prisma.CaseScoreCreateManyInput[] {
  return test.cases.map((scores) => ({
    ownerId: runId,
    caseId: scores.case,
    runId,
    ensembleRunId: runId,
    dice: scores.dice,
    scores,
  }));
}

function artifactRow(runId: string, kind: string, name: string, ref: ArtifactRef) {
  return { id: newId('art'), runId, kind, name, uri: ref.uri, sha256: ref.sha256, bytes: BigInt(ref.bytes) };
}
