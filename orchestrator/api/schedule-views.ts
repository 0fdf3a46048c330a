import type {
  ChampionView,
  DriftPoint,
  FiringView,
  PromotionView,
  ScheduleView,
  SuggestionView,
} from '@voxhelm/contracts/api-schedules';
import { LabelDefinition } from '@voxhelm/contracts/dataset';
import {
  FiringFindings,
  FiringState,
  PairedComparison,
  PromotionKind,
  Retraining,
  ScheduleSettings,
  SuggestedCase,
} from '@voxhelm/contracts/schedule';
import { counted } from '@voxhelm/contracts/words';
import type { Database, Prisma } from '@voxhelm/prisma/client';
import { fromJson, fromJsonOrNull } from '@voxhelm/prisma/json';
import { z } from 'zod';
import { championBefore } from '../promotions.ts';
import type { ScheduleTimes } from './temporal-schedules.ts';

/*
 * Rows of schedules and champions as the values of contracts/api-schedules.ts.
 */

/** What a firing's view needs beside its row. */
export const firingInclude = {
  runs: { orderBy: { id: 'asc' }, select: { id: true, name: true, state: true, retraining: true } },
} satisfies Prisma.FiringInclude;
type FiringRow = Prisma.FiringGetPayload<{ include: typeof firingInclude }>;

/** What a schedule's view needs beside its row. */
export const scheduleInclude = {
  dataset: { select: { name: true } },
  firings: { orderBy: { id: 'desc' }, take: 1, include: firingInclude },
} satisfies Prisma.ScheduleInclude;
type ScheduleRow = Prisma.ScheduleGetPayload<{ include: typeof scheduleInclude }>;

const iso = (date: Date): string => date.toISOString();

/** A firing with its runs. */
export function firingView(row: FiringRow): FiringView {
  return {
    id: row.id,
    scheduleId: row.scheduleId,
    scheduledAt: iso(row.scheduledAt),
    startedAt: iso(row.createdAt),
    finishedAt: row.finishedAt?.toISOString() ?? null,
    state: fromJson('Firing.state', FiringState, row.state),
    reason: row.reason,
    outcome: row.finishedAt === null || row.state === 'idle' ? null : row.message,
    message: row.message,
    forced: row.forced,
    findings: fromJsonOrNull('Firing.findings', FiringFindings, row.findings),
    drift: row.drift,
    reusedCases: row.reusedCases,
    runs: row.runs.map(({ retraining, ...run }) => ({
      ...run,
      startFrom: fromJsonOrNull('Run.retraining', Retraining, retraining)?.startFrom ?? null,
    })),
    championRunId: row.championRunId,
    challengerRunId: row.challengerRunId,
    comparison: fromJsonOrNull('Firing.comparison', PairedComparison, row.comparison),
  };
}

/** The last drifts that a schedule's firings measured, oldest first. */
export async function driftOver(database: Database, scheduleId: string, count: number): Promise<DriftPoint[]> {
  // The statistic's name alone: findings list every new case.
  const rows = await database.$queryRaw<{ id: string; at: Date; drift: number; feature: string | null }[]>`
    SELECT "id", "scheduledAt" AS "at", "drift", "findings"->'drift'->0->>'feature' AS "feature"
    FROM "Firing" WHERE "scheduleId" = ${scheduleId} AND "drift" IS NOT NULL ORDER BY "id" DESC LIMIT ${count}`;
  return rows.reverse().map(({ id, at, drift, feature }) => ({ firingId: id, at: iso(at), drift, feature }));
}

/** A schedule in a list; `times` null where Temporal does not answer. */
export function scheduleView(row: ScheduleRow, times: ScheduleTimes | null): ScheduleView {
  const [last] = row.firings;
  return {
    id: row.id,
    name: row.name,
    datasetId: row.datasetId,
    datasetName: row.dataset.name,
    settings: fromJson('Schedule.settings', ScheduleSettings, row.settings),
    paused: row.paused,
    note: row.note,
    synced: row.synced,
    refusal: row.refusal,
    nextAt: row.paused ? [] : (times?.nextAt ?? []).map(iso),
    lastFiring: last === undefined ? null : firingView(last),
    createdAt: iso(row.createdAt),
  };
}

/** Who is champion of a dataset, and the audit log. */
export async function championView(database: Database, dataset: { id: string; name: string }): Promise<ChampionView> {
  const [champion, held, promotions, checked] = await Promise.all([
    database.champion.findUnique({
      where: { datasetId: dataset.id },
      include: { run: { include: { artifacts: { where: { kind: 'ensemble-bundle' } } } } },
    }),
    database.comparisonCase.findMany({ where: { datasetId: dataset.id }, orderBy: { caseId: 'asc' } }),
    database.promotion.findMany({
      where: { datasetId: dataset.id },
      orderBy: { sequence: 'desc' },
      include: { run: { select: { name: true } } },
    }),
    database.dataset.findUnique({
      where: { id: dataset.id },
      select: { analysis: { select: { labels: true } } },
    }),
  ]);
  const [bundle] = champion?.run.artifacts ?? [];
  const kindOf = (row: (typeof promotions)[number]) => fromJson('Promotion.kind', PromotionKind, row.kind);
  const before = championBefore(promotions.map((row) => ({ kind: kindOf(row), runId: row.runId })).reverse());
  const previous = promotions.find(({ runId }) => runId === before);
  return {
    datasetId: dataset.id,
    datasetName: dataset.name,
    champion:
      champion === null || bundle === undefined
        ? null
        : {
            runId: champion.runId,
            runName: champion.run.name,
            since: iso(champion.since),
            promotionId: champion.promotionId,
            testDice: champion.run.testDice,
            bundle: {
              sha256: bundle.sha256,
              bytes: Number(bundle.bytes),
              href: `/v1/datasets/${dataset.id}/champion/bundle`,
            },
          },
    comparisonCases: held.map(({ caseId }) => caseId),
    labels: fromJsonOrNull('Analysis.labels', z.array(LabelDefinition), checked?.analysis?.labels ?? null) ?? [],
    previous: previous === undefined ? null : { runId: previous.runId, runName: previous.run.name },
    promotions: promotions.map(
      (row): PromotionView => ({
        id: row.id,
        runId: row.runId,
        runName: row.run.name,
        previousRunId: row.previousRunId,
        kind: kindOf(row),
        reason: row.reason,
        by: row.by,
        comparison: fromJsonOrNull('Promotion.comparison', PairedComparison, row.comparison),
        at: iso(row.at),
      }),
    ),
  };
}

/** What to label next: of the list that was made, the cases that still wait for their label. */
export async function suggestionView(
  database: Database,
  row: Prisma.SuggestionGetPayload<object>,
): Promise<SuggestionView> {
  const state = fromJson('Suggestion.state', z.enum(['working', 'done', 'failed']), row.state);
  const listed = fromJson('Suggestion.cases', z.array(SuggestedCase), row.cases);
  const has = await labelledSince(database, row, listed);
  const cases = listed.filter(({ caseId }) => !has.has(caseId));
  const labelled = listed.map(({ caseId }) => caseId).filter((caseId) => has.has(caseId));
  const left = `${counted(cases.length, 'unlabelled case')}, the most telling first; ${labelled.length} of the list ${labelled.length === 1 ? 'has its' : 'have their'} label now.`;
  return {
    id: row.id,
    datasetId: row.datasetId,
    runId: row.runId,
    state,
    message: state === 'done' && labelled.length > 0 ? left : row.message,
    cases,
    labelled,
    createdAt: iso(row.createdAt),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}

/** Given by command, API or browser since the list was made, or found in the dataset's folder by its newest check. */
async function labelledSince(
  database: Database,
  { datasetId, createdAt }: Prisma.SuggestionGetPayload<object>,
  listed: readonly SuggestedCase[],
): Promise<Set<string>> {
  if (listed.length === 0) return new Set();
  const caseId = { in: listed.map((one) => one.caseId) };
  const [given, found] = await Promise.all([
    database.labelChange.findMany({ where: { datasetId, caseId, sha256: { not: null }, at: { gte: createdAt } } }),
    database.datasetCase.findMany({
      where: { analysis: { latestOf: { id: datasetId } }, caseId, label: { not: null } },
      select: { caseId: true },
    }),
  ]);
  return new Set([...given, ...found].map((one) => one.caseId));
}
