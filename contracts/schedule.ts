import { z } from 'zod';
import { ArtifactRef } from './artifact.ts';
import { Duration, RunRequest } from './run.ts';

/*
 * Scheduled retraining: what a schedule is asked to do, what one firing found, and how champion and challenger compare.
 */

/** What makes a schedule retrain. Schedules by cases or drift look every `every`; a look at unchanged files costs nothing. */
export const ScheduleTrigger = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('cron'),
      /** Five fields (minute hour day month weekday), or @daily and its like. */
      expression: z.string().min(1).max(100),
      /** IANA name, for example Europe/Berlin. */
      timeZone: z.string().min(1).max(100).default('UTC'),
    }),
    z.strictObject({ kind: z.literal('interval'), every: Duration }),
    z.strictObject({
      kind: z.literal('cases'),
      /** New and corrected training cases since the last training. */
      count: z.number().int().min(1).max(100_000),
      every: Duration.default('5m'),
    }),
    z.strictObject({
      kind: z.literal('drift'),
      /** Distance of the new cases from the champion's training cases, in standard errors: 3.5 is a good one. */
      limit: z.number().positive(),
      every: Duration.default('5m'),
      /** Fewer new cases say nothing of a distribution. */
      leastCases: z.number().int().min(1).default(2),
    }),
  ])
  .meta({ id: 'ScheduleTrigger' });
export type ScheduleTrigger = z.infer<typeof ScheduleTrigger>;

/** What happens when a firing is due while the one before still goes on; Temporal's overlap policies. */
export const OverlapPolicy = z.enum(['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'allow-all']);
export type OverlapPolicy = z.infer<typeof OverlapPolicy>;

/**
 * Where a retraining's weights start: from the champion's, from nothing (drawn from the seed), or one run of each, of which
 * the one with the better validation Dice becomes the challenger. `auto`: both where the budget allows, else the champion's.
 */
export const RetrainingStart = z.enum(['auto', 'champion', 'nothing', 'both']);
export type RetrainingStart = z.infer<typeof RetrainingStart>;

/** Everything of a schedule but its dataset and name (JSON of Schedule.settings). */
export const ScheduleSettings = z.strictObject({
  trigger: ScheduleTrigger,
  /** What each retraining is submitted with, beside its dataset. */
  run: RunRequest.omit({ dataset: true }).optional(),
  start: RetrainingStart.default('auto'),
  /**
   * `run.plan.startFrom` may be weights from elsewhere, of which nobody here knows what they have seen: whoever says so vouches
   * that it was none of this dataset's cases.
   */
  trustStart: z.boolean().default(false),
  comparison: z
    .strictObject({
      /** Cases held out at first: a fifth of the training cases, 6 at least, where absent. Fewer than 5 prove nothing. */
      cases: z.number().int().min(5).optional(),
      /** The share of all training cases to which new ones bring the comparison cases back (rounded down); 0: none join. */
      shareOfNew: z.number().min(0).max(0.5).default(0.2),
    })
    .prefault({}),
  promotion: z
    .strictObject({
      /** Largest one-sided p-value of the signed-rank test at which a challenger is promoted. */
      significance: z.number().positive().max(0.5).default(0.05),
      /** No class may lose more mean Dice than this. */
      classMargin: z.number().min(0).max(1).default(0.02),
    })
    .prefault({}),
  overlap: OverlapPolicy.default('skip'),
  /** How far back firings that fell due while the service was down are made up for. */
  catchUp: Duration.default('1h'),
  /** Each firing waits a random time up to this. */
  jitter: Duration.optional(),
});
export type ScheduleSettings = z.infer<typeof ScheduleSettings>;

/** What `POST /v1/schedules` takes. */
export const ScheduleCreate = ScheduleSettings.extend({
  /** A registered dataset's id or name. */
  dataset: z.string().min(1),
  name: z.string().min(1).max(200).optional(),
  paused: z.boolean().default(false),
  note: z.string().max(1_000).optional(),
}).meta({ id: 'ScheduleCreate' });
export type ScheduleCreate = z.infer<typeof ScheduleCreate>;

/**
 * A firing's life. `idle`: it looked and had no reason to retrain; `kept`: the challenger was not better; `promoted`: it is
 * the champion now.
 */
export const FiringState = z.enum([
  'checking',
  'idle',
  'retraining',
  'comparing',
  'promoted',
  'kept',
  'failed',
  'cancelled',
]);
export type FiringState = z.infer<typeof FiringState>;

/** How far one statistic of the new cases lies from the champion's training cases. */
export const FeatureDrift = z.object({
  /** For people: "foreground intensity, median", "size along z (mm)". */
  feature: z.string(),
  trained: z.number(),
  found: z.number(),
  /**
   * How sure it is that the new cases are of another kind, in standard errors: by how far they moved, or by the share of them
   * that lies outside, whichever says more.
   */
  distance: z.number(),
  /** Share of the new cases outside of where the trained ones lie (2.5 robust standard deviations); absent in old firings. */
  outside: z.number().optional(),
});
export type FeatureDrift = z.infer<typeof FeatureDrift>;

/** What a firing saw (JSON of Firing.findings). */
export const FiringFindings = z.object({
  /** Training cases that no training of this dataset saw. */
  newCases: z.array(z.string()),
  /** Cases whose files changed since. */
  correctedCases: z.array(z.string()),
  removedCases: z.array(z.string()),
  unlabelledCases: z.number().int(),
  /** By feature, the farthest first; empty where there is no champion or too few new cases. */
  drift: z.array(FeatureDrift),
});
export type FiringFindings = z.infer<typeof FiringFindings>;

/** A comparison of two models on the same cases. */
export const PairedComparison = z
  .object({
    championRunId: z.string(),
    challengerRunId: z.string(),
    cases: z.array(
      z.object({ caseId: z.string(), champion: z.number().nullable(), challenger: z.number().nullable() }),
    ),
    /** One-sided p-value of Wilcoxon's signed-rank test that the challenger is better. */
    pValue: z.number(),
    meanDifference: z.number(),
    /** 95 % interval of the mean difference (percentile bootstrap over cases). */
    interval: z.tuple([z.number(), z.number()]),
    /** Mean Dice by label value. */
    classes: z.array(
      z.object({ value: z.string(), champion: z.number().nullable(), challenger: z.number().nullable() }),
    ),
    /** Comparison cases that could not be compared on: learnt from by one of the models, or changed in between. */
    leftOut: z.array(z.string()).optional(),
    better: z.boolean(),
    /** Why it is promoted or kept, with the numbers. */
    reason: z.string(),
  })
  .meta({ id: 'PairedComparison' });
export type PairedComparison = z.infer<typeof PairedComparison>;

/** Why a model became champion. */
export const PromotionKind = z.enum(['first', 'better', 'by-hand', 'rollback']);
export type PromotionKind = z.infer<typeof PromotionKind>;

/** What a run that retrains takes over (JSON of Run.retraining). */
export const Retraining = z.object({
  firingId: z.string(),
  /** The check and statistics of the firing's look: only files that differ are read again. */
  known: z.object({ check: ArtifactRef, analysis: ArtifactRef }).nullable(),
  /** The run whose folds its cases keep. */
  foldsFrom: z.string().nullable(),
  /** The run from whose weights each fold's training starts; null: as the request says. */
  startFrom: z.string().nullable(),
});
export type Retraining = z.infer<typeof Retraining>;

/** A case to label next. */
export const SuggestedCase = z.object({
  caseId: z.string(),
  /** Mean entropy of the ensemble's class probabilities near the foreground, 0..1. */
  uncertainty: z.number(),
  /** Mutual information of members and prediction: how much the members disagree, 0..1. */
  disagreement: z.number(),
  /** Distance (0..1) to the nearest case that is labelled or stands above it in the list. */
  novelty: z.number(),
  /** True where the champion's prediction and its entropy can be looked at; they are kept for the head of the newest list. */
  maps: z.boolean().default(false),
});
export type SuggestedCase = z.infer<typeof SuggestedCase>;
