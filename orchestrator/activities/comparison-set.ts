import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { CaseScores } from '@voxhelm/contracts/evaluation';
import type { ScoreJob, TrainingCase } from '@voxhelm/contracts/jobs';
import type { PairedComparison } from '@voxhelm/contracts/schedule';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import type { Transaction } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';
import { writeJson } from '@voxhelm/storage/artifact-store';
import { readCheckOf } from '../known-analysis.ts';
import { learntByRun } from '../learnt-cases.ts';
import { compareModels } from '../schedules/compare.ts';
import type { Dependencies } from './dependencies.ts';
import type { FiringWithSchedule } from './firing-rows.ts';
import { heldOutOf, withoutPatient } from './held-out.ts';
import { trainingCaseOf } from './training-cases.ts';

/** A comparison case as its files were at the firing's look. */
export type ComparisonCase = TrainingCase & { readonly sha256: string };

/** What two models are compared on. */
export interface ComparisonSet {
  readonly cases: readonly ComparisonCase[];
  /** Comparison cases that one of the models learnt from: whatever let that happen, they cannot judge it. */
  readonly learnt: readonly string[];
}

/** The dataset's comparison cases for these runs. */
export async function comparisonSet(
  dependencies: Dependencies,
  { firing, schedule }: FiringWithSchedule,
  runIds: readonly string[],
): Promise<ComparisonSet> {
  const { db } = dependencies;
  const [analysis, held, learnt] = await Promise.all([
    db.analysis.findUniqueOrThrow({ where: { id: firing.analysisId ?? '' } }),
    heldOutOf(db, schedule.datasetId),
    Promise.all(runIds.map((runId) => learntByRun(dependencies, runId))),
  ]);
  const isHeld = sameCaseAs(held.map(withoutPatient));
  const isLearnt = sameCaseAs(learnt.flatMap(({ cases }) => cases));
  const check = await readCheckOf(dependencies, analysis);
  const cases = check.cases
    .filter((one) => one.role === 'training' && one.valid && one.label !== null && isHeld(one))
    .map((one) => ({ ...trainingCaseOf(one, null), sha256: one.sha256 ?? '' }));
  return {
    cases: cases.filter((one) => !isLearnt(one)),
    learnt: cases.filter(isLearnt).map(({ caseId }) => caseId),
  };
}

/** The job that scores a run's bundle on the cases that it was not scored on before; null where there is none. */
export async function scoreJob(
  { db, store }: Dependencies,
  firingId: string,
  runId: string,
  { cases }: ComparisonSet,
): Promise<{ runId: string; job: ScoreJob } | null> {
  const [known, bundle] = await Promise.all([
    db.comparisonScore.findMany({ where: { runId }, select: { caseId: true, sha256: true } }),
    db.artifact.findFirst({ where: { runId, kind: 'ensemble-bundle' } }),
  ]);
  const scored = new Set(known.map(keyOf));
  const missing = cases.filter((one) => !scored.has(keyOf(one)));
  if (missing.length === 0) return null;
  if (bundle === null) throw new VoxhelmError('storage', `run ${runId} has no bundle to compare`);
  const artifactPrefix = `firings/${firingId}/comparison/${runId}`;
  const ref: ArtifactRef = { uri: bundle.uri, sha256: bundle.sha256, bytes: Number(bundle.bytes) };
  const job: ScoreJob = {
    kind: 'score',
    bundle: ref,
    cases: await writeJson(store, `${artifactPrefix}/cases.json`, missing),
    artifactPrefix,
  };
  return { runId, job };
}

/** Compares two runs on the cases that both were scored on with the same files, and says which others were left out. */
export async function compareRuns(
  db: Transaction,
  { settings }: FiringWithSchedule,
  championRunId: string,
  challengerRunId: string,
  { cases, learnt }: ComparisonSet,
): Promise<PairedComparison> {
  const rowsOf = (runId: string) =>
    db.comparisonScore.findMany({
      where: { runId, caseId: { in: cases.map(({ caseId }) => caseId) } },
      orderBy: { caseId: 'asc' },
    });
  const [champion, challenger] = await Promise.all([rowsOf(championRunId), rowsOf(challengerRunId)]);
  const shared = new Set(champion.map(keyOf).filter((key) => challenger.some((row) => keyOf(row) === key)));
  // A case that both were scored on with more than one label counts once, by the label of the firing's look where that is one.
  const chosen = new Set(
    cases.flatMap((one) => {
      if (shared.has(keyOf(one))) return [keyOf(one)];
      return [...shared].filter((key) => key.endsWith(` ${one.caseId}`)).slice(0, 1);
    }),
  );
  const scoresOf = (rows: typeof champion): CaseScores[] =>
    rows
      .filter((row) => chosen.has(keyOf(row)))
      .map(({ scores }) => fromJson('ComparisonScore.scores', CaseScores, scores));
  const compared = new Set([...chosen].map((key) => key.slice(key.indexOf(' ') + 1)));
  const changed = cases.filter(({ caseId }) => !compared.has(caseId)).map(({ caseId }) => caseId);
  const result = compareModels(
    { runId: championRunId, scores: scoresOf(champion) },
    { runId: challengerRunId, scores: scoresOf(challenger) },
    settings.promotion,
  );
  const told = [
    leftOut(learnt, 'which one of the models learnt from'),
    leftOut(changed, 'whose files changed between the scoring of the one and of the other'),
  ];
  const leftOutCases = [...learnt, ...changed];
  return {
    ...result,
    ...(leftOutCases.length === 0 ? {} : { leftOut: leftOutCases }),
    reason: `${result.reason}${told.join('')}`,
  };
}

function leftOut(cases: readonly string[], why: string): string {
  if (cases.length === 0) return '';
  return ` Left out: ${cases.length} comparison ${cases.length === 1 ? 'case' : 'cases'} ${why} (${cases.slice(0, 3).join(', ')}).`;
}

/** A case with the files that it was scored by. */
function keyOf({ caseId, sha256 }: { readonly caseId: string; readonly sha256: string }): string {
  return `${sha256} ${caseId}`;
}
