import type { ErrorCode } from '@voxhelm/contracts/errors';
import type {
  AnalyzeJob,
  AnalyzeResult,
  EnsembleJob,
  EnsembleJobResult,
  ProbeJob,
  ProbeResult,
  ScoreJob,
  ScoreResult,
  SuggestJob,
  SuggestResult,
  TrainJob,
  TrainResult,
} from '@voxhelm/contracts/jobs';
import type { TrialKind } from '@voxhelm/contracts/trial';

/*
 * The activities of the queue `orchestrator`: everything that workflows ask of PostgreSQL and the artifact store. Each may
 * run more than once (Temporal promises at least once) and then changes nothing more. Ids and references only.
 */

/** A failure as it is remembered: what, on which input, what to do. */
export interface FailureRecord {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix: string | null;
}

/** How a trial ended: with the trainer's result, with a failure after every attempt, or cancelled. */
export type TrialOutcome =
  | { readonly kind: 'trained'; readonly result: TrainResult }
  | { readonly kind: 'failed'; readonly failure: FailureRecord }
  | { readonly kind: 'cancelled' };

/** Asks for the next trials of a run: those with numbers from `fromNumber`, at most `count` of them. */
export interface AskInput {
  readonly runId: string;
  readonly kind: TrialKind;
  readonly fromNumber: number;
  readonly count: number;
}

/** Fewer trials than asked for: there are no more, unless `more` says otherwise. */
export interface StartedTrials {
  readonly trialIds: readonly string[];
  /** There may be more once a trial that is under way has ended. */
  readonly more?: boolean;
}

/** What a run hears from outside while it waits. */
export interface LookAroundResult {
  /** Of the trials asked about: those that have ended, their workflow's word lost or not. */
  readonly finished: readonly string[];
  /** Trials that may run at once now. */
  readonly parallel: number;
}

/** What a firing begins with. */
export interface FiringLook {
  readonly firingId: string;
  /** Hash of the dataset's files as they lie. */
  readonly listing: string;
  readonly analyze: AnalyzeJob | null;
}

/** What a trainer measured of an algorithm's plan. */
export interface MeasuredPlan {
  readonly algorithm: string;
  readonly result: ProbeResult;
}

/** See the head of this file; grouped as orchestrator/activities/ is. */
export interface OrchestratorActivities {
  // dataset.ts
  beginDatasetCheck(input: { readonly datasetId: string }): Promise<AnalyzeJob>;
  recordDatasetCheck(input: { readonly datasetId: string; readonly result: AnalyzeResult }): Promise<void>;
  recordDatasetFailure(input: { readonly datasetId: string; readonly failure: FailureRecord }): Promise<void>;
  /** null where the run took over another one's analysis. */
  beginRun(input: { readonly runId: string }): Promise<AnalyzeJob | null>;
  /**
   * Fails with `bad-dataset` where the check found errors and the request does not say `skipInvalid`, and where nobody
   * gives a modality.
   */
  recordRunAnalysis(input: { readonly runId: string; readonly result: AnalyzeResult }): Promise<void>;

  // plan.ts
  /**
   * Makes the bundles (algorithm x fold) and returns one probe an algorithm, the one expected to be the fastest first. `inBudget`: it
   * ends with the budget, as {@link OrchestratorActivities.timeForFirstProbe} says. `ifTime`: it is done only where
   * {@link OrchestratorActivities.timeForProbe} has time for it. Histories of before 26 November say nothing of either.
   */
  prepareBundles(input: {
    readonly runId: string;
  }): Promise<readonly { algorithm: string; job: ProbeJob; readonly inBudget?: boolean; readonly ifTime?: boolean }[]>;
  /**
   * How long the first algorithm may be measured (milliseconds); null: as long as it takes. `wasCut`: it was so long already. Fails
   * with `invalid-request` where the budget is over by then.
   */
  timeForFirstProbe(input: {
    readonly runId: string;
    readonly algorithm: string;
    readonly wasCut: boolean;
  }): Promise<number | null>;
  /**
   * How long another algorithm may be measured (milliseconds) for the budget to hold a useful training of those that were; null: it
   * is left out, which its event tells.
   */
  timeForProbe(input: {
    readonly runId: string;
    readonly algorithm: string;
    readonly probes: readonly MeasuredPlan[];
  }): Promise<number | null>;
  /**
   * Lays out the budget by what the probes measured, makes the study; returns the trials that may run at once, and how many
   * finished ones were taken over from another run.
   */
  layOutStudy(input: {
    readonly runId: string;
    readonly probes: readonly MeasuredPlan[];
  }): Promise<{ readonly parallel: number; readonly kept: number }>;

  // ask.ts
  /** Asks the study for trials, makes them whole and starts their workflows. */
  startTrials(input: AskInput): Promise<StartedTrials>;

  // trials.ts
  /** Takes the trial for a trainer again. */
  resumeTrial(input: { readonly trialId: string; readonly lease: number }): Promise<TrainJob>;
  /** Tells the study how the trial ended, with its checkpoint, predictions and scores; then tells its run. */
  finishTrial(input: { readonly trialId: string; readonly outcome: TrialOutcome }): Promise<void>;
  /** The trial has let go of its trainer because of a pause. */
  releaseTrial(input: { readonly trialId: string; readonly lease: number }): Promise<void>;
  lookAround(input: { readonly runId: string; readonly trialIds: readonly string[] }): Promise<LookAroundResult>;

  // folds.ts
  /** Ends the search: decides which configurations train on the other folds, and makes those trials. */
  planFolds(input: { readonly runId: string }): Promise<void>;

  // ensemble.ts
  prepareEnsemble(input: { readonly runId: string }): Promise<EnsembleJob>;
  recordEnsemble(input: { readonly runId: string; readonly result: EnsembleJobResult }): Promise<void>;

  // run-state.ts
  /** `pause` counts a run's pauses from 1, so that each is told once. */
  markPausing(input: { readonly runId: string; readonly pause: number }): Promise<void>;
  markPaused(input: { readonly runId: string; readonly pause: number }): Promise<void>;
  markResumed(input: { readonly runId: string; readonly pause: number }): Promise<void>;
  /** The run ends before its time; returns the trials that are still open. */
  beginEnd(input: {
    readonly runId: string;
    readonly state: 'cancelled' | 'failed';
  }): Promise<{ readonly openTrials: readonly string[] }>;
  endRun(input: {
    readonly runId: string;
    readonly state: 'cancelled' | 'failed';
    readonly failure: FailureRecord | null;
  }): Promise<void>;

  // firings.ts
  /**
   * Begins a firing of a schedule; null where the schedule was deleted. `analyze` is null where no file of the dataset
   * changed since the last look.
   */
  beginFiring(input: {
    readonly scheduleId: string;
    readonly workflowKey: string;
    readonly scheduledAt: string;
  }): Promise<FiringLook | null>;
  recordFiringLook(input: {
    readonly firingId: string;
    readonly listing: string;
    readonly result: AnalyzeResult;
  }): Promise<void>;
  endFiring(input: {
    readonly firingId: string;
    readonly state: 'failed' | 'cancelled';
    readonly message: string;
  }): Promise<void>;

  // retraining.ts
  /** Decides whether the firing retrains; the runs to be run, none where it does not. */
  planRetraining(input: { readonly firingId: string }): Promise<{ readonly runIds: readonly string[] }>;

  // comparison.ts
  /** Chooses the challenger; returns what is to be scored before it can be compared. */
  prepareComparison(input: {
    readonly firingId: string;
  }): Promise<{ readonly jobs: readonly { readonly runId: string; readonly job: ScoreJob }[] }>;
  recordScores(input: {
    readonly firingId: string;
    readonly runId: string;
    readonly result: ScoreResult;
  }): Promise<void>;
  /** Compares, and promotes or keeps: one transaction. */
  concludeFiring(input: { readonly firingId: string }): Promise<void>;

  // suggestions.ts
  beginSuggestion(input: { readonly suggestionId: string }): Promise<AnalyzeJob>;
  /** Records the look at the dataset; null where it has no unlabelled case, which ends the suggestion. */
  prepareSuggestion(input: {
    readonly suggestionId: string;
    readonly result: AnalyzeResult;
  }): Promise<SuggestJob | null>;
  recordSuggestion(input: { readonly suggestionId: string; readonly result: SuggestResult }): Promise<void>;
  failSuggestion(input: { readonly suggestionId: string; readonly failure: FailureRecord }): Promise<void>;
}
