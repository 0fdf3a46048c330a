import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { DatasetDetail, DatasetView, RunDetail, RunEvent, RunView, TrialView } from '@voxhelm/contracts/api';
import { DatasetState } from '@voxhelm/contracts/api';
import { ArtifactRef } from '@voxhelm/contracts/artifact';
import { CaseRole, DatasetLayout, Finding, LabelDefinition, Modality } from '@voxhelm/contracts/dataset';
import { EnsemblePlan } from '@voxhelm/contracts/ensemble';
import { ERROR_CODES } from '@voxhelm/contracts/errors';
import { Evaluation } from '@voxhelm/contracts/evaluation';
import { Device, Plan } from '@voxhelm/contracts/plan';
import { RunRequest, RunStage, RunState } from '@voxhelm/contracts/run';
import { Point, TrialKind, TrialProgress, TrialState } from '@voxhelm/contracts/trial';
import { type Database, Prisma } from '@voxhelm/prisma/client';
import { fromJson, fromJsonOrNull } from '@voxhelm/prisma/json';
import { z } from 'zod';
import { CHOICES_FILE } from './content-store.ts';
import {
  elapsedSeconds,
  etaRangeSeconds,
  etaSeconds,
  type RunClock,
  runProgress,
  type StepTotals,
} from './progress.ts';

/*
 * Rows of the database as the values of contracts/api.ts.
 */

const Labels = z.array(LabelDefinition);
const Modalities = z.array(Modality);
const Findings = z.array(Finding);
const DiceByClass = z.record(z.string(), z.number().nullable());
const Failure = z.object({ code: z.enum(ERROR_CODES), message: z.string(), fix: z.string().nullish() });

/** What a dataset's view needs beside its row. */
export const datasetInclude = { analysis: { omit: { summary: true } } } satisfies Prisma.DatasetInclude;
type DatasetRow = Prisma.DatasetGetPayload<{ include: typeof datasetInclude }>;

/** What a run's view needs beside its row. */
export const runInclude = { dataset: { select: { name: true } } } satisfies Prisma.RunInclude;
type RunRow = Prisma.RunGetPayload<{ include: typeof runInclude }>;

/** What a run's detail needs beside its row. */
export const runDetailInclude = {
  dataset: { select: { name: true } },
  analysis: { select: { findings: true } },
  bundles: { orderBy: [{ algorithm: 'asc' }, { fold: 'asc' }] },
  trials: { orderBy: { number: 'asc' } },
  ensemble: { include: { members: { orderBy: { position: 'asc' } } } },
  artifacts: { orderBy: { id: 'asc' } },
} satisfies Prisma.RunInclude;
type RunDetailRow = Prisma.RunGetPayload<{ include: typeof runDetailInclude }>;

type TrialRow = Prisma.TrialGetPayload<object>;
type RunEventRow = Prisma.RunEventGetPayload<object>;

const iso = (date: Date): string => date.toISOString();
const isoOrNull = (date: Date | null): string | null => date?.toISOString() ?? null;
const msOrNull = (date: Date | null): number | null => date?.getTime() ?? null;

/** A dataset in a list. */
export function datasetView(row: DatasetRow): DatasetView {
  const { analysis } = row;
  return {
    id: row.id,
    name: row.name,
    path: row.path,
    state: fromJson('Dataset.state', DatasetState, row.state),
    layout: fromJsonOrNull('Analysis.layout', DatasetLayout, analysis?.layout),
    fingerprint: analysis?.fingerprint ?? null,
    trainingCases: analysis?.trainingCases ?? null,
    testingCases: analysis?.testingCases ?? null,
    errors: analysis?.errors ?? null,
    warnings: analysis?.warnings ?? null,
    labels: analysis === null ? [] : fromJson('Analysis.labels', Labels, analysis.labels),
    modalities: analysis === null ? [] : fromJson('Analysis.modalities', Modalities, analysis.modalities),
    failure: row.failure,
    createdAt: iso(row.createdAt),
  };
}

/** The lines of the file that keeps what was changed of an uploaded dataset; none where there is no such file. */
async function readChoices(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, CHOICES_FILE), 'utf8').catch(() => '');
  return text.split('\n').filter((line) => line !== '');
}

/** A dataset with its findings, cases and statistics. */
export async function datasetDetail(database: Database, row: DatasetRow): Promise<DatasetDetail> {
  const { analysis } = row;
  const view = { ...datasetView(row), choices: await readChoices(row.path) };
  if (analysis === null) return { ...view, findings: [], cases: [], summary: null };
  const [cases, statistics] = await Promise.all([
    database.datasetCase.findMany({ where: { analysisId: analysis.id }, orderBy: { position: 'asc' } }),
    database.analysis.findUnique({ where: { id: analysis.id }, select: { summary: true } }),
  ]);
  const Axes = z.array(z.number());
  return {
    ...view,
    findings: fromJson('Analysis.findings', Findings, analysis.findings),
    cases: cases.map((each) => ({
      caseId: each.caseId,
      role: fromJson('DatasetCase.role', CaseRole, each.role),
      valid: each.valid,
      labelled: each.label !== null,
      shape: fromJsonOrNull('DatasetCase.shape', Axes, each.shape),
      spacingMm: fromJsonOrNull('DatasetCase.spacingMm', Axes, each.spacingMm),
    })),
    summary: fromJsonOrNull('Analysis.summary', AnalysisSummary, statistics?.summary),
  };
}

/** Steps planned and done over the trials of each run. */
export async function stepTotals(database: Database, runIds: readonly string[]): Promise<Map<string, StepTotals>> {
  if (runIds.length === 0) return new Map();
  const rows = await database.$queryRaw<(StepTotals & { runId: string })[]>(Prisma.sql`
    SELECT "runId", count(*)::int AS trials, sum(steps)::float8 AS steps,
           sum(CASE WHEN state IN ('waiting', 'running') THEN least(step, steps) ELSE steps END)::float8 AS done,
           count(*) FILTER (WHERE state NOT IN ('waiting', 'running'))::int AS finished,
           count(*) FILTER (WHERE state = 'running')::int AS running,
           coalesce(sum(CASE WHEN state IN ('waiting', 'running') THEN extract(epoch FROM now() - "startedAt")
                    ELSE coalesce(("trainMs" + "validationMs") / 1000, extract(epoch FROM "finishedAt" - "startedAt")) END),
                    0)::float8 AS "deviceSeconds",
           count("stepMs")::int AS paces,
           coalesce(stddev_samp("stepMs") / nullif(avg("stepMs"), 0), 0)::float8 AS "paceVariation"
    FROM "Trial" WHERE "runId" = ANY(${[...runIds]}) GROUP BY "runId"`);
  return new Map(rows.map(({ runId, ...totals }) => [runId, totals]));
}

/** A run in a list; `totals` from {@link stepTotals}. */
export function runView(row: RunRow, totals: StepTotals | undefined, nowMs: number = Date.now()): RunView {
  const clock: RunClock = {
    state: fromJson('Run.state', RunState, row.state),
    stage: fromJson('Run.stage', RunStage, row.stage),
    progress: row.progress,
    plannedTrials: row.plannedTrials,
    plannedUntilMs: msOrNull(row.plannedUntil),
    startedAtMs: msOrNull(row.startedAt),
    finishedAtMs: msOrNull(row.finishedAt),
    pausedAtMs: msOrNull(row.pausedAt),
    pausedMs: row.pausedMs,
  };
  const progress = runProgress(clock, totals);
  const eta = etaSeconds(clock, progress, nowMs);
  return {
    id: row.id,
    name: row.name,
    state: clock.state,
    stage: clock.stage,
    message: row.message,
    datasetId: row.datasetId,
    datasetName: row.dataset.name,
    submittedBy: row.submittedBy,
    bestDice: row.bestDice,
    testDice: row.testDice,
    progress,
    etaSeconds: eta,
    etaRangeSeconds: etaRangeSeconds(eta, totals),
    elapsedSeconds: elapsedSeconds(clock, nowMs),
    deviceSeconds: Math.max(0, totals?.deviceSeconds ?? 0),
    trialCounts: { planned: row.plannedTrials, finished: totals?.finished ?? 0, running: totals?.running ?? 0 },
    createdAt: iso(row.createdAt),
    startedAt: isoOrNull(row.startedAt),
    finishedAt: isoOrNull(row.finishedAt),
  };
}

/** One trial with everything known of it. */
export function trialView(row: TrialRow): TrialView {
  return {
    id: row.id,
    number: row.number,
    kind: fromJson('Trial.kind', TrialKind, row.kind),
    algorithm: row.algorithm,
    fold: row.fold,
    state: fromJson('Trial.state', TrialState, row.state),
    point: fromJson('Trial.point', Point, row.point),
    steps: row.steps,
    step: row.step,
    bestStep: row.bestStep,
    bestDice: row.bestDice,
    diceByClass: fromJson('Trial.diceByClass', DiceByClass, row.diceByClass),
    reason: row.reason,
    lease: row.lease,
    dataWaitFraction: dataWaitFraction(row),
    progress: fromJsonOrNull('Trial.progress', TrialProgress, row.progress),
    startedAt: isoOrNull(row.startedAt),
    finishedAt: isoOrNull(row.finishedAt),
    checkpoint: fromJsonOrNull('Trial.checkpoint', ArtifactRef, row.checkpoint),
  };
}

/** Of the whole training once it has ended, of the last steps before that. */
function dataWaitFraction({ waitMs, trainMs, progress }: TrialRow): number | null {
  const now = fromJsonOrNull('Trial.progress', TrialProgress, progress)?.dataWaitFraction ?? null;
  return waitMs === null || trainMs === null || waitMs + trainMs === 0 ? now : waitMs / (waitMs + trainMs);
}

/** One run with its plans, trials, ensemble and scores. */
export function runDetail(row: RunDetailRow, totals: StepTotals | undefined): RunDetail {
  const failure = fromJsonOrNull('Run.failure', Failure, row.failure);
  return {
    ...runView(row, totals),
    request: fromJson('Run.request', RunRequest, row.request),
    folds: row.folds,
    device: fromJsonOrNull('Run.device', Device, row.device),
    failure: failure === null ? null : { ...failure, fix: failure.fix ?? null },
    findings: fromJsonOrNull('Analysis.findings', Findings, row.analysis?.findings) ?? [],
    plans: row.bundles.map(({ algorithm, fold, plan }) => ({
      algorithm,
      fold,
      plan: fromJson('Bundle.plan', Plan, plan),
    })),
    trials: row.trials.map(trialView),
    ensemble:
      row.ensemble === null
        ? null
        : {
            plan: fromJson('Ensemble.plan', EnsemblePlan, row.ensemble.plan),
            members: row.ensemble.members.map(({ trialId, algorithm, fold, validationDice }) => ({
              trialId,
              algorithm,
              fold,
              validationDice,
            })),
          },
    scores: { test: fromJsonOrNull('Ensemble.test', Evaluation, row.ensemble?.test) },
    artifacts: row.artifacts.map(({ id, kind, name, sha256, bytes }) => ({
      id,
      kind,
      name,
      sha256,
      bytes: Number(bytes),
      href: `/v1/artifacts/${id}`,
    })),
  };
}

/** A recorded event. */
export function runEventView(row: RunEventRow): RunEvent {
  return {
    id: Number(row.id),
    runId: row.runId,
    type: row.type,
    at: iso(row.at),
    message: row.message,
    data: fromJson('RunEvent.data', z.record(z.string(), z.unknown()), row.data),
  };
}
