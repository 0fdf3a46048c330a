import type { IntermediateReply, IntermediateReport, MetricBatch, ProgressUpdate } from '@voxhelm/contracts/api';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { SearchSettings } from '@voxhelm/contracts/run';
import type { MetricPoint } from '@voxhelm/contracts/trial';
import { Point, TrialState } from '@voxhelm/contracts/trial';
import { type Database, Prisma, type Transaction } from '@voxhelm/prisma/client';
import { fromJson } from '@voxhelm/prisma/json';
import { report, type Study, type StudyTrial, shouldStop } from '@voxhelm/search/study';
import { z } from 'zod';
import { notFound } from './errors.ts';
import { tellAttempt } from './trial-attempts.ts';

/*
 * What trainers tell of a trial. Every write is fenced: (lease, attempt) grows each time that a trial is handed to a
 * trainer, and whoever comes with less than the newest that was seen is refused, so a trainer that was thought dead can
 * neither double nor overwrite what its successor wrote.
 */

interface Fence {
  readonly lease: number;
  readonly attempt: number;
}

/** The row of the trial where this writer is not older than the newest one; remembers the writer. */
function fenced(trialId: string, { lease, attempt }: Fence, set: Prisma.Sql = Prisma.empty): Prisma.Sql {
  return Prisma.sql`
    UPDATE "Trial" SET "progressLease" = ${lease}, "progressAttempt" = ${attempt}${set}
    WHERE id = ${trialId} AND lease <= ${lease} AND ("progressLease", "progressAttempt") <= (${lease}, ${attempt})
    RETURNING id`;
}

/** Why the fence did not open: `not-found`, or `conflict` for a writer that was replaced. */
async function refuse(database: Transaction, trialId: string, { lease, attempt }: Fence): Promise<never> {
  const trial = await database.trial.findUnique({
    where: { id: trialId },
    select: { lease: true, progressLease: true, progressAttempt: true },
  });
  if (trial === null) throw notFound('trial', trialId);
  const newest = `lease ${Math.max(trial.lease, trial.progressLease)}, attempt ${trial.progressAttempt}`;
  throw new VoxhelmError(
    'conflict',
    `lease ${lease}, attempt ${attempt} of trial "${trialId}" was replaced: the newest is ${newest}`,
    { fix: 'Stop this attempt; another trainer has the trial.' },
  );
}

/** Records metric points; a batch that comes twice changes nothing, and a point of a later writer stays. */
export async function recordMetrics(database: Database, trialId: string, batch: MetricBatch): Promise<void> {
  // One statement may touch a row once: of points that repeat inside a batch the last one counts.
  const points = [...new Map(batch.points.map((point) => [`${point.step}/${point.series}`, point])).values()];
  const column = <K extends keyof MetricPoint>(key: K): MetricPoint[K][] => points.map((point) => point[key]);
  const [result] = await database.$queryRaw<{ open: number }[]>(Prisma.sql`
    WITH fence AS (${fenced(trialId, batch)}),
    written AS (
      INSERT INTO "MetricPoint" ("trialId", series, step, value, lease, attempt)
      SELECT fence.id, point.series, point.step, point.value, ${batch.lease}, ${batch.attempt}
      FROM fence, unnest(${column('series')}::text[], ${column('step')}::int[], ${column('value')}::float8[])
        AS point(series, step, value)
      ON CONFLICT ("trialId", series, step) DO UPDATE
      SET value = excluded.value, lease = excluded.lease, attempt = excluded.attempt
      WHERE ("MetricPoint".lease, "MetricPoint".attempt) <= (excluded.lease, excluded.attempt)
    )
    SELECT count(*)::int AS open FROM fence`);
  if (result?.open !== 1) await refuse(database, trialId, batch);
}

/** Records where a trial stands. */
export async function recordProgress(database: Database, trialId: string, update: ProgressUpdate): Promise<void> {
  const { step } = update.progress;
  const set = Prisma.sql`, progress = ${JSON.stringify(update.progress)}::jsonb,
    step = CASE WHEN state IN ('waiting', 'running') THEN least(${step}, steps) ELSE step END`;
  const rows = await database.$queryRaw<{ id: string }[]>(fenced(trialId, update, set));
  if (rows.length !== 1) await refuse(database, trialId, update);
  await tellAttempt(database, trialId, update);
}

/**
 * Records a validation's value and answers whether the trial should stop. The answer is recorded with the value, so that
 * a report that comes again, from this attempt or from one that resumed before this step, gets the same one.
 */
export async function recordReport(
  database: Database,
  trialId: string,
  given: IntermediateReport,
): Promise<IntermediateReply> {
  return database.$transaction(async (transaction) => {
    // The fence's update holds the trial's row: two reports of one trial are one after the other.
    const rows = await transaction.$queryRaw<{ id: string }[]>(fenced(trialId, given));
    if (rows.length !== 1) await refuse(transaction, trialId, given);
    const recorded = await transaction.intermediateValue.findUnique({
      where: { trialId_step: { trialId, step: given.step } },
    });
    if (recorded !== null) return { stop: recorded.stop, reason: recorded.reason };
    const reply = await decide(transaction, trialId, given);
    const { step, value, cases, lease, attempt } = given;
    await transaction.intermediateValue.create({
      data: { trialId, step, value, lease, attempt, ...(cases === undefined ? {} : { cases }), ...reply },
    });
    return reply;
  });
}

/** The pruner's decision over the run's study; trials of other folds repeat a winner and are never stopped. */
async function decide(database: Transaction, trialId: string, given: IntermediateReport): Promise<IntermediateReply> {
  const trial = await database.trial.findUniqueOrThrow({ where: { id: trialId } });
  const row = await database.study.findUnique({ where: { runId: trial.runId } });
  if (row === null || trial.kind !== 'search') return { stop: false, reason: null };
  const rows = await database.trial.findMany({
    where: { runId: trial.runId, kind: 'search' },
    include: { intermediates: { orderBy: { step: 'asc' } } },
    orderBy: { number: 'asc' },
  });
  const trials: StudyTrial[] = rows.map((each) => ({
    number: each.number,
    point: fromJson('Trial.point', Point, each.point),
    steps: each.steps,
    state: fromJson('Trial.state', TrialState, each.state),
    value: each.bestDice,
    reports: each.intermediates.map(({ step, value }) => [step, value] as const),
    caseReports: each.intermediates.flatMap(({ step, cases }) =>
      cases === null ? [] : [[step, fromJson('IntermediateValue.cases', CaseValues, cases)] as const],
    ),
  }));
  const { sampler, pruner } = fromJson('Study.settings', StoredSettings, row.settings);
  const study: Study = {
    schemaVersion: 1,
    space: {},
    settings: { sampler, pruner },
    seed: row.seed,
    firstPoints: [],
    trials,
  };
  return shouldStop(report(study, trial.number, given.step, given.value, given.cases), trial.number, given.step);
}

const CaseValues = z.record(z.string(), z.number());

/** What of a study's settings the pruner needs, whatever else is stored beside it. */
const StoredSettings = z.object({ sampler: SearchSettings.shape.sampler, pruner: SearchSettings.shape.pruner });
