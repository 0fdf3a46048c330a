import { z } from 'zod';
import { AnalysisSummary } from './analysis.ts';
import { ArtifactRef, Sha256 } from './artifact.ts';
import { CaseRole, DatasetLayout, Finding, LabelDefinition, Modality } from './dataset.ts';
import { EnsemblePlan } from './ensemble.ts';
import { ERROR_CODES } from './errors.ts';
import { CaseScores, Evaluation } from './evaluation.ts';
import { Device, Plan } from './plan.ts';
import { RunRequest, RunStage, RunState } from './run.ts';
import { MetricPoint, Point, TrialKind, TrialProgress, TrialState } from './trial.ts';

/*
 * What the API `/v1` answers and takes, beside RunRequest. Times are ISO 8601 strings in UTC.
 */

const Time = z.iso.datetime();

/** RFC 9457 problem document. `errors` names each wrong field by JSON pointer. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string().optional(),
    code: z.enum(ERROR_CODES),
    fix: z.string().optional(),
    errors: z
      .array(z.object({ pointer: z.string(), message: z.string(), suggestion: z.string().optional() }))
      .optional(),
    /** The findings of a refused dataset. */
    findings: z.array(Finding).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/** Paging: `cursor` is opaque and comes from the last page's `nextCursor`. */
export const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().optional(),
});

/** Register a folder on the server. */
export const DatasetCreate = z
  .strictObject({
    name: z.string().min(1).max(200).optional(),
    /** A folder, dataset.json or task YAML on the server. */
    path: z.string().min(1),
    modality: z.union([Modality, z.array(Modality).min(1)]).optional(),
    labels: z.record(z.string().regex(/^\d+$/), z.string().min(1)).optional(),
  })
  .meta({ id: 'DatasetCreate' });
export type DatasetCreate = z.infer<typeof DatasetCreate>;

export const DatasetState = z.enum(['checking', 'ready', 'faulty', 'failed']);
export type DatasetState = z.infer<typeof DatasetState>;

/** A dataset in a list. `ready`: no error found; `faulty`: the check found errors. */
export const DatasetView = z
  .object({
    id: z.string(),
    name: z.string(),
    path: z.string(),
    state: DatasetState,
    layout: DatasetLayout.nullable(),
    fingerprint: Sha256.nullable(),
    trainingCases: z.number().int().nullable(),
    testingCases: z.number().int().nullable(),
    errors: z.number().int().nullable(),
    warnings: z.number().int().nullable(),
    labels: z.array(LabelDefinition),
    modalities: z.array(Modality),
    /** Why the check itself failed, where it did. */
    failure: z.string().nullable(),
    createdAt: Time,
  })
  .meta({ id: 'DatasetView' });
export type DatasetView = z.infer<typeof DatasetView>;

/** One dataset with its checks and statistics. */
export const DatasetDetail = DatasetView.extend({
  findings: z.array(Finding),
  cases: z.array(
    z.object({
      caseId: z.string(),
      role: CaseRole,
      valid: z.boolean(),
      labelled: z.boolean(),
      shape: z.array(z.number()).nullable(),
      spacingMm: z.array(z.number()).nullable(),
    }),
  ),
  summary: AnalysisSummary.nullable(),
  /** What somebody had changed before sending or correcting it, in words, as the dataset's folder keeps it. */
  choices: z.array(z.string()),
}).meta({ id: 'DatasetDetail' });
export type DatasetDetail = z.infer<typeof DatasetDetail>;

/** One trial with everything known of it. */
export const TrialView = z
  .object({
    id: z.string(),
    number: z.number().int(),
    kind: TrialKind,
    algorithm: z.string(),
    fold: z.number().int(),
    state: TrialState,
    point: Point,
    steps: z.number().int(),
    /** Last step that was finished. */
    step: z.number().int(),
    bestStep: z.number().int().nullable(),
    bestDice: z.number().nullable(),
    diceByClass: z.record(z.string(), z.number().nullable()),
    reason: z.string().nullable(),
    lease: z.number().int(),
    /** Share (0..1) of the training loop's time in which the device waited for a batch; null before the first step. */
    dataWaitFraction: z.number().nullable(),
    progress: TrialProgress.nullable(),
    startedAt: Time.nullable(),
    finishedAt: Time.nullable(),
    checkpoint: ArtifactRef.nullable(),
  })
  .meta({ id: 'TrialView' });
export type TrialView = z.infer<typeof TrialView>;

/** A run in a list. */
export const RunView = z
  .object({
    id: z.string(),
    name: z.string(),
    state: RunState,
    stage: RunStage,
    /** One sentence: what it is doing or why it ended. */
    message: z.string(),
    datasetId: z.string(),
    datasetName: z.string(),
    submittedBy: z
      .string()
      .nullable()
      .describe('Who submitted it, as they called themselves: a label, not authentication. null: nobody said.'),
    bestDice: z.number().nullable(),
    /** Mean Dice of the ensemble on the test cases. */
    testDice: z.number().nullable(),
    /** 0..1 over the whole run. */
    progress: z.number().min(0).max(1),
    etaSeconds: z.number().nonnegative().nullable(),
    /** The least and most that may be left, from how much this run's own trainings differ in pace. */
    etaRangeSeconds: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).nullable(),
    elapsedSeconds: z.number().nonnegative(),
    /** Time that trainers spent on the run's trials, added up. */
    deviceSeconds: z.number().nonnegative(),
    trialCounts: z.object({
      planned: z.number().int().nullable(),
      finished: z.number().int(),
      running: z.number().int(),
    }),
    createdAt: Time,
    startedAt: Time.nullable(),
    finishedAt: Time.nullable(),
  })
  .meta({ id: 'RunView' });
export type RunView = z.infer<typeof RunView>;

/** One run with its plans, trials, ensemble and scores. */
export const RunDetail = RunView.extend({
  request: RunRequest,
  folds: z.number().int().nullable(),
  device: Device.nullable(),
  failure: z.object({ code: z.enum(ERROR_CODES), message: z.string(), fix: z.string().nullable() }).nullable(),
  findings: z.array(Finding),
  /** The algorithm bundles: each algorithm's plan for each fold. */
  plans: z.array(z.object({ algorithm: z.string(), fold: z.number().int(), plan: Plan })),
  trials: z.array(TrialView),
  ensemble: z
    .object({
      plan: EnsemblePlan,
      members: z.array(
        z.object({
          trialId: z.string(),
          algorithm: z.string(),
          fold: z.number().int(),
          validationDice: z.number().nullable(),
        }),
      ),
    })
    .nullable(),
  scores: z.object({ test: Evaluation.nullable() }),
  artifacts: z.array(
    z.object({
      id: z.string(),
      kind: z.string(),
      name: z.string(),
      sha256: Sha256,
      bytes: z.number().int(),
      href: z.string(),
    }),
  ),
}).meta({ id: 'RunDetail' });
export type RunDetail = z.infer<typeof RunDetail>;

/** A metric curve of one trial. */
export const MetricCurve = z
  .object({
    trialId: z.string(),
    series: z.string(),
    points: z.array(z.object({ step: z.number().int(), value: z.number() })),
  })
  .meta({ id: 'MetricCurve' });
export type MetricCurve = z.infer<typeof MetricCurve>;

/** Scores of a trial's validation cases. */
export const TrialScores = z.object({ trialId: z.string(), cases: z.array(CaseScores) }).meta({ id: 'TrialScores' });

/** A recorded event of a run; `id` grows by one event to the next and is SSE's event id. */
export const RunEvent = z
  .object({
    id: z.number().int(),
    runId: z.string(),
    type: z.string(),
    at: Time,
    message: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'RunEvent' });
export type RunEvent = z.infer<typeof RunEvent>;

/** What a `progress` event of the event stream carries: the run as in a list, and the trials that run now. */
export const RunProgress = z
  .object({
    run: RunView,
    trials: z.array(
      TrialView.pick({
        id: true,
        number: true,
        kind: true,
        algorithm: true,
        fold: true,
        step: true,
        steps: true,
        bestDice: true,
        progress: true,
      }),
    ),
  })
  .meta({ id: 'RunProgress' });
export type RunProgress = z.infer<typeof RunProgress>;

/** Trainer to API: metric points of one lease of a trial; a batch that comes twice changes nothing. */
export const MetricBatch = z
  .strictObject({
    lease: z.number().int().nonnegative(),
    attempt: z.number().int().positive(),
    points: z.array(MetricPoint).min(1).max(5_000),
  })
  .meta({ id: 'MetricBatch' });
export type MetricBatch = z.infer<typeof MetricBatch>;

/** Trainer to API: where a trial stands. */
export const ProgressUpdate = z
  .strictObject({
    lease: z.number().int().nonnegative(),
    attempt: z.number().int().positive(),
    progress: TrialProgress,
  })
  .meta({ id: 'ProgressUpdate' });
export type ProgressUpdate = z.infer<typeof ProgressUpdate>;

/** Trainer to API after a validation: the intermediate value on which the pruner decides. */
export const IntermediateReport = z
  .strictObject({
    lease: z.number().int().nonnegative(),
    attempt: z.number().int().positive(),
    step: z.number().int().nonnegative(),
    value: z.number(),
    /** Each validation case's value by its id: for pruners that compare case by case. */
    cases: z.record(z.string(), z.number()).optional(),
  })
  .meta({ id: 'IntermediateReport' });
export type IntermediateReport = z.infer<typeof IntermediateReport>;

/** The API's answer: recorded, so that a retried report gets the same one. */
export const IntermediateReply = z
  .object({ stop: z.boolean(), reason: z.string().nullable() })
  .meta({ id: 'IntermediateReply' });
export type IntermediateReply = z.infer<typeof IntermediateReply>;
