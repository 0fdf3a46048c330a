import { z } from 'zod';
import { Sha256 } from './artifact.ts';
import { LabelDefinition } from './dataset.ts';
import {
  FiringFindings,
  FiringState,
  PairedComparison,
  PromotionKind,
  ScheduleSettings,
  SuggestedCase,
} from './schedule.ts';

/*
 * What the API tells of schedules, champions and what to label next. Times are ISO 8601 strings in UTC.
 */

const Time = z.iso.datetime();

/** A look of a schedule, and what came of it. */
export const FiringView = z
  .object({
    id: z.string(),
    scheduleId: z.string(),
    /** When it was due; earlier than `startedAt` where it was caught up. */
    scheduledAt: Time,
    startedAt: Time,
    finishedAt: Time.nullable(),
    state: FiringState,
    /** Why it retrained or did not; null before its look has told. */
    reason: z.string().nullable(),
    /** What came of it; null while it goes on, and where it had no reason to retrain. */
    outcome: z.string().nullable(),
    /** The newest of it: what it does now, or what came of it. */
    message: z.string(),
    /** Triggered by hand. */
    forced: z.boolean(),
    findings: FiringFindings.nullable(),
    /** The farthest feature's distance; null where none was measured. */
    drift: z.number().nullable(),
    /** Cases that were not read again, their files being the same. */
    reusedCases: z.number().int().nullable(),
    runs: z.array(z.object({ id: z.string(), name: z.string(), state: z.string(), startFrom: z.string().nullable() })),
    championRunId: z.string().nullable(),
    challengerRunId: z.string().nullable(),
    comparison: PairedComparison.nullable(),
  })
  .meta({ id: 'FiringView' });
export type FiringView = z.infer<typeof FiringView>;

/** Which firings of a schedule are listed. */
export const FiringFilter = z.enum(['all', 'compared']);

/** A drift that a firing measured. */
export const DriftPoint = z
  .object({
    firingId: z.string(),
    /** When the firing was due. */
    at: Time,
    drift: z.number(),
    /** The statistic that lies farthest. */
    feature: z.string().nullable(),
  })
  .meta({ id: 'DriftPoint' });
export type DriftPoint = z.infer<typeof DriftPoint>;

/** A schedule in a list. */
export const ScheduleView = z
  .object({
    id: z.string(),
    name: z.string(),
    datasetId: z.string(),
    datasetName: z.string(),
    settings: ScheduleSettings,
    paused: z.boolean(),
    note: z.string().nullable(),
    /** False until Temporal has it as it stands here. */
    synced: z.boolean(),
    /** Why Temporal does not take it, so that it never fires; null where it does. */
    refusal: z.string().nullable(),
    /** The next times; empty while it is paused, or where Temporal does not answer now. */
    nextAt: z.array(Time),
    lastFiring: FiringView.nullable(),
    createdAt: Time,
  })
  .meta({ id: 'ScheduleView' });
export type ScheduleView = z.infer<typeof ScheduleView>;

/** One schedule with its firings, newest first. */
export const ScheduleDetail = ScheduleView.extend({
  firings: z.array(FiringView),
  /** Firings that were not made up for, and that were left out because one was still going on; null where Temporal is away. */
  missed: z.number().int().nullable(),
  skipped: z.number().int().nullable(),
}).meta({ id: 'ScheduleDetail' });
export type ScheduleDetail = z.infer<typeof ScheduleDetail>;

/** What pausing and resuming take. */
export const ScheduleNote = z.strictObject({ note: z.string().max(1_000).optional() }).meta({ id: 'ScheduleNote' });

/** Fire as if these times came again. */
export const Backfill = z
  .strictObject({ from: Time, to: Time })
  .refine(({ from, to }) => from < to, { path: ['to'], message: 'must be later than "from"' })
  .meta({ id: 'Backfill' });

/** An entry of the audit log. */
export const PromotionView = z
  .object({
    id: z.string(),
    runId: z.string(),
    runName: z.string(),
    previousRunId: z.string().nullable(),
    kind: PromotionKind,
    reason: z.string(),
    /** A firing's id, or "command". */
    by: z.string(),
    comparison: PairedComparison.nullable(),
    at: Time,
  })
  .meta({ id: 'PromotionView' });
export type PromotionView = z.infer<typeof PromotionView>;

/** Who is champion of a dataset, on what it is compared, and who was before. */
export const ChampionView = z
  .object({
    datasetId: z.string(),
    datasetName: z.string(),
    champion: z
      .object({
        runId: z.string(),
        runName: z.string(),
        since: Time,
        promotionId: z.string(),
        testDice: z.number().nullable(),
        bundle: z.object({ sha256: Sha256, bytes: z.number().int(), href: z.string() }),
      })
      .nullable(),
    comparisonCases: z.array(z.string()),
    /** The dataset's labels, as comparisons name them by value; empty before its first check. */
    labels: z.array(LabelDefinition),
    /** Whom a rollback makes champion again; null where there is nobody. */
    previous: z.object({ runId: z.string(), runName: z.string() }).nullable(),
    /** Newest first. */
    promotions: z.array(PromotionView),
  })
  .meta({ id: 'ChampionView' });
export type ChampionView = z.infer<typeof ChampionView>;

/** What `POST /v1/datasets/{id}/champion` takes. */
export const ChampionSet = z.strictObject({ run: z.string().min(1) }).meta({ id: 'ChampionSet' });

/** What to label next. */
export const SuggestionView = z
  .object({
    id: z.string(),
    datasetId: z.string(),
    runId: z.string(),
    state: z.enum(['working', 'done', 'failed']),
    message: z.string(),
    /** Those that wait for their label, in the order in which to give it. */
    cases: z.array(SuggestedCase),
    /** Those of the list that have got theirs since. */
    labelled: z.array(z.string()),
    createdAt: Time,
    finishedAt: Time.nullable(),
  })
  .meta({ id: 'SuggestionView' });
export type SuggestionView = z.infer<typeof SuggestionView>;
