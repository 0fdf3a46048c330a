import type { TrainJob } from '@voxhelm/contracts/jobs';

/*
 * The names by which workflows are started, told and asked: plain constants, so that the API and the trainer's tests may
 * import them without Temporal's workflow package.
 */

/** Workflow types. */
export const WORKFLOWS = {
  run: 'runWorkflow',
  trial: 'trialWorkflow',
  dataset: 'datasetWorkflow',
  prediction: 'predictionWorkflow',
  firing: 'firingWorkflow',
  suggestion: 'suggestionWorkflow',
} as const;

/** A run's signals, for whoever steers it. Cancelling is Temporal's own cancellation of the workflow. */
export const RUN_SIGNALS = { pause: 'pause', resume: 'resume', extend: 'extend' } as const;

/**
 * What a run hears of its trials: the trial's id; for `trialPaused` also the number of the pause. `trialFinished` comes
 * from the activity that told the study, which saves the trial's workflow a round.
 */
export const TRIAL_TO_RUN_SIGNALS = { trialFinished: 'trialFinished', trialPaused: 'trialPaused' } as const;

/** What a run tells its trials: `pause` with the number of the pause, `resume`. */
export const RUN_TO_TRIAL_SIGNALS = { pause: 'pauseTrial', resume: 'resumeTrial' } as const;

/** A run's query: its {@link RunStatus}. */
export const RUN_STATUS_QUERY = 'status';

/** The workflow id of a run. */
export function runWorkflowId(runId: string): string {
  return `run-${runId}`;
}

/** The workflow id of a trial. */
export function trialWorkflowId(trialId: string): string {
  return `trial-${trialId}`;
}

/** The workflow id of a dataset's check. */
export function datasetWorkflowId(datasetId: string): string {
  return `dataset-${datasetId}`;
}

/** The workflow id of a prediction for the web UI. */
export function predictionWorkflowId(predictionId: string): string {
  return `prediction-${predictionId}`;
}

/** The id of a schedule in Temporal, and what its firings' workflow ids begin with. */
export function temporalScheduleId(scheduleId: string): string {
  return `schedule-${scheduleId}`;
}

/** The workflow id of a suggestion of what to label next. */
export function suggestionWorkflowId(suggestionId: string): string {
  return `suggestion-${suggestionId}`;
}

/** What `firingWorkflow` is started with, by Temporal's schedule. */
export interface FiringInput {
  readonly scheduleId: string;
}

/** What `suggestionWorkflow` is started with. */
export interface SuggestionInput {
  readonly suggestionId: string;
}

/** What `runWorkflow` is started with. */
export interface RunInput {
  readonly runId: string;
  /** Trials after which the workflow continues as new, so that its history stays short. */
  readonly trialsPerLife?: number;
  /** What the life before left; absent in the first. */
  readonly carried?: CarriedRun;
}

/** A run's whole memory between two lives: everything else is in PostgreSQL. Plain JSON on purpose (no Map, no Set). */
export interface CarriedRun {
  readonly phase: 'search' | 'fold';
  readonly nextNumber: number;
  /** Trials whose workflows are open. */
  readonly inFlight: readonly string[];
  /** Trials at once. */
  readonly parallel: number;
  readonly pauses: number;
  readonly life: number;
}

/** The answer to {@link RUN_STATUS_QUERY}. */
export interface RunStatus {
  readonly inFlight: readonly string[];
  readonly parallel: number;
  readonly paused: boolean;
  /** 1 in the workflow's first life; grows when it continues as new. */
  readonly life: number;
}

/** What `trialWorkflow` is started with. */
export interface TrialInput {
  /** Under its first lease. */
  readonly job: TrainJob;
}

/** What `datasetWorkflow` is started with. */
export interface DatasetInput {
  readonly datasetId: string;
}
