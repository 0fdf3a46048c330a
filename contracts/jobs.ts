import { z } from 'zod';
import { ArtifactRef } from './artifact.ts';
import { Modality } from './dataset.ts';
import { EnsemblePlan } from './ensemble.ts';
import { ClassScores } from './evaluation.ts';
import { Device } from './plan.ts';
import { SuggestedCase } from './schedule.ts';
import { CheckpointRef } from './trial.ts';

/*
 * What the orchestrator asks of a trainer: the inputs and outputs of the activities on the task queue `gpu`. Small values
 * and references only; voxels, weights, datalists and curves lie in the artifact store.
 */

/** What tells a case from others, whatever it is called: imaging/datasets/same-case.ts compares by it. */
export const CaseIdentity = z.object({
  caseId: z.string(),
  /** Of all its files in order, label included. */
  sha256: z.string().nullish(),
  /** Of the image's decoded values. */
  voxelSha256: z.string().nullish(),
  patient: z.string().nullish(),
});
export type CaseIdentity = z.infer<typeof CaseIdentity>;

/** Checks every case and gathers its statistics in one streaming pass over the files. */
export const AnalyzeJob = z.object({
  kind: z.literal('analyze'),
  /** Where the dataset lies: a folder, dataset.json or task YAML, as the user gave it. */
  datasetPath: z.string(),
  modality: z.union([Modality, z.array(Modality)]).nullable(),
  /** Label value to name, where the user gave them; otherwise the dataset's. */
  labels: z.record(z.string(), z.string()).nullable(),
  /** Key prefix for what the job leaves in the artifact store. */
  artifactPrefix: z.string(),
  /** An earlier check (DatasetCheck) and its Analysis: cases whose files are still the same are not computed again. */
  known: z.object({ check: ArtifactRef, analysis: ArtifactRef }).nullish(),
  /** Comparison cases: checked as all others, but no part of the summary that plans are made from. */
  heldOut: z.array(CaseIdentity).nullish(),
});
export type AnalyzeJob = z.infer<typeof AnalyzeJob>;

export const AnalyzeResult = z.object({
  /** A DatasetCheck as JSON. */
  check: ArtifactRef,
  /** An Analysis as JSON; null where not one training case could be read. */
  analysis: ArtifactRef.nullable(),
  validTrainingCases: z.number().int().nonnegative(),
  validTestingCases: z.number().int().nonnegative(),
  errors: z.number().int().nonnegative(),
  warnings: z.number().int().nonnegative(),
  /** Cases that were taken over from the job's `known` check. */
  reusedCases: z.number().int().nonnegative().optional(),
  device: Device,
});
export type AnalyzeResult = z.infer<typeof AnalyzeResult>;

/** Why a plan was made smaller: memory ran out, by somebody's word; or the process was killed, and nobody said why. */
export const SmallerWhy = z.enum(['memory', 'killed']);
export type SmallerWhy = z.infer<typeof SmallerWhy>;

/** Measures what a step and a validation of one plan cost on this device. */
export const ProbeJob = z.object({
  kind: z.literal('probe'),
  plan: ArtifactRef,
  cases: ArtifactRef,
  seed: z.number().int(),
  /** Key prefix under which attempts tell of the device's memory and of why they failed; jobs of before 25 November lack it. */
  artifactPrefix: z.string().optional(),
});
export type ProbeJob = z.infer<typeof ProbeJob>;

export const ProbeResult = z.object({
  stepMs: z.number().positive(),
  /** Prediction of one case by sliding window, without flips. */
  predictCaseMs: z.number().positive(),
  /** Reading, fusing and scoring one stored prediction of it, as the ensemble does; histories of before 25 November lack it. */
  fuseCaseMs: z.number().nonnegative().optional(),
  /** Process start, loading data and building the network. */
  startMs: z.number().nonnegative(),
  /** The whole measuring, from its process's start; trainers of before 26 November do not say. */
  tookMs: z.number().positive().optional(),
  /** Resident memory of the whole process at its most. */
  peakMemoryMb: z.number().nonnegative(),
  /** What the steps took of the device's memory; absent where the device does not tell, and before 25 November. */
  memory: z
    .object({
      /** The most while steps were done, in MB: on a CPU of the process, on a GPU by the driver's word. */
      stepsPeakMb: z.number().positive(),
      /** All of this trainer's device's. */
      deviceMb: z.number().positive(),
      /** Cases that the process held meanwhile. */
      cases: z.number().int().nonnegative(),
    })
    .optional(),
  /** What the plan's steps are to be computed in, with the reason; null where the plan's own stays. */
  precision: z
    .object({ value: z.enum(['float32', 'bfloat16']), reason: z.string() })
    .nullable()
    .default(null),
  /** Where the plan starts from given weights: what of them fits, in words. */
  startedFrom: z.string().optional(),
  /** How many times the plan was made smaller until it fitted into the device's memory. */
  smaller: z.number().int().nonnegative().default(0),
  /** Why it was; histories of before 26 November lack it. */
  smallerWhy: SmallerWhy.optional(),
  /** Where the plan searches its architecture first: what that search costs; null where it does not. */
  architectureSearch: z
    .object({
      /** Compiling and loading the supernet. */
      openMs: z.number().nonnegative(),
      /** A step that moves weights alone, and one that moves the choices as well. */
      warmupStepMs: z.number().positive(),
      stepMs: z.number().positive(),
    })
    .nullable()
    .default(null),
  /** Where the loss of its steps was NaN or infinite: of which steps, and when in words. The times are true all the same. */
  diverged: z.object({ of: z.enum(['training', 'architecture-search']), reason: z.string() }).optional(),
});
export type ProbeResult = z.infer<typeof ProbeResult>;

/** A case as training sees it (JSON artifact: TrainingCase[]). Runs of before 25 November wrote no identity but the name. */
export const TrainingCase = CaseIdentity.extend({
  images: z.array(z.string()),
  label: z.string().nullable(),
  /** Validation fold of the case; null for a test case. */
  fold: z.number().int().nonnegative().nullable(),
});
export type TrainingCase = z.infer<typeof TrainingCase>;

/** When a training must be over, whatever its plan's steps: how the run's budget is kept by a machine that got slower. */
export const TrainingEnd = z.object({
  /** The result, its stored predictions included, is wanted by then. */
  at: z.iso.datetime(),
  /** One validation of the fold by the probe's measure, until one has been timed. */
  validationMs: z.number().nonnegative(),
  /** Steps that are done in any case: a run's first training has to leave a model. */
  leastSteps: z.number().int().nonnegative(),
});
export type TrainingEnd = z.infer<typeof TrainingEnd>;

/** Trains one trial, from its last checkpoint where one exists. */
export const TrainJob = z.object({
  kind: z.literal('train'),
  runId: z.string(),
  trialId: z.string(),
  /** The trial's own plan (bundle with the trial's point applied), as JSON. */
  plan: ArtifactRef,
  /** TrainingCase[] as JSON. */
  cases: ArtifactRef,
  fold: z.number().int().nonnegative(),
  seed: z.number().int(),
  /** Counts the times this trial was handed to a trainer; fences late writers. */
  lease: z.number().int().nonnegative(),
  artifactPrefix: z.string(),
  /** Tell the API each validation's values, and stop where it says so. */
  prunable: z.boolean(),
  /** The last step to train, where that may lie before the plan's last: the end of a rung. */
  until: z.number().int().positive().optional(),
  /** What another trial of the same plan and seed left: this one goes on from it. */
  continueFrom: z.object({ last: CheckpointRef, best: CheckpointRef.nullable() }).optional(),
  /** null: the run has no budget, or the request fixed the steps. */
  ends: TrainingEnd.nullable().default(null),
});
export type TrainJob = z.infer<typeof TrainJob>;

export const TrainResult = z.object({
  outcome: z.enum(['completed', 'pruned', 'diverged']),
  /** Why, where it did not complete. */
  reason: z.string().nullable(),
  step: z.number().int().nonnegative(),
  bestStep: z.number().int().nonnegative().nullable(),
  bestDice: z.number().nullable(),
  /** Mean Dice by label value at the best step. */
  diceByClass: z.record(z.string(), z.number().nullable()),
  best: CheckpointRef.nullable(),
  last: CheckpointRef.nullable(),
  /** ValidationPredictions as JSON: scores and the stored prediction of each validation case, by the best checkpoint. */
  predictions: ArtifactRef.nullable(),
  /** The plan as it was trained, where the training itself decided of it: with the architecture that it searched. */
  plan: ArtifactRef.optional(),
  /** Where it did not begin with drawn weights: whose, how many of its parameters fitted, and which did not. */
  startedFrom: z.string().optional(),
  trainMs: z.number().nonnegative(),
  /** Time that the training loop waited for batches, beside `trainMs`; absent in results of earlier versions. */
  waitMs: z.number().nonnegative().optional(),
  stepMs: z.number().nonnegative(),
  validationMs: z.number().nonnegative(),
});
export type TrainResult = z.infer<typeof TrainResult>;

/** The stored validation predictions of one trial (JSON artifact). */
export const ValidationPredictions = z.object({
  schemaVersion: z.literal(1),
  trialId: z.string(),
  fold: z.number().int().nonnegative(),
  step: z.number().int().nonnegative(),
  cases: z.array(
    z.object({
      caseId: z.string(),
      dice: z.number().nullable(),
      diceByClass: z.record(z.string(), z.number().nullable()),
      /** All scores by label value; absent in what earlier versions stored. */
      classes: z.record(z.string(), ClassScores).optional(),
      /** Class probabilities on the image's own grid (safetensors, uint8-quantised, [class, x, y, z]). */
      probabilities: ArtifactRef,
      /** The label map as NIfTI. */
      labelMap: ArtifactRef,
    }),
  ),
});
export type ValidationPredictions = z.infer<typeof ValidationPredictions>;

/** One trained model that the ensemble may take. */
export const EnsembleCandidateMember = z.object({
  trialId: z.string(),
  algorithm: z.string(),
  fold: z.number().int().nonnegative(),
  step: z.number().int().nonnegative(),
  validationDice: z.number(),
  plan: ArtifactRef,
  checkpoint: ArtifactRef,
  predictions: ArtifactRef,
});
export type EnsembleCandidateMember = z.infer<typeof EnsembleCandidateMember>;

/** Chooses the ensemble on validation predictions, scores it once on the test cases, writes the ensemble bundle. */
export const EnsembleJob = z.object({
  kind: z.literal('ensemble'),
  runId: z.string(),
  name: z.string(),
  /** EnsembleCandidateMember[] as JSON. */
  members: ArtifactRef,
  /** TrainingCase[] as JSON; those with fold null are the test cases. */
  cases: ArtifactRef,
  datasetFingerprint: z.string(),
  /** What report.html shows (trials, curves), as JSON: a RunReport. */
  report: ArtifactRef,
  seed: z.number().int(),
  createdAt: z.string(),
  artifactPrefix: z.string(),
  /** Time that the job may spend on flips and candidates beyond the plain ensemble; null for no limit. */
  budgetMs: z.number().positive().nullable(),
});
export type EnsembleJob = z.infer<typeof EnsembleJob>;

export const EnsembleJobResult = z.object({
  plan: EnsemblePlan,
  testDice: z.number().nullable(),
  testHd95Mm: z.number().nullable(),
  /** An Evaluation of the test cases as JSON; null without labelled test cases. */
  test: ArtifactRef.nullable(),
  bundle: ArtifactRef,
  reportHtml: ArtifactRef,
});
export type EnsembleJobResult = z.infer<typeof EnsembleJobResult>;

/** Segments one image by an ensemble bundle, for whoever tries a run's ensemble out. */
export const PredictJob = z.object({
  kind: z.literal('predict'),
  bundle: ArtifactRef,
  /** NIfTI files: one, or one for each channel. */
  images: z.array(ArtifactRef).min(1),
  /** Where the label map goes in the artifact store. */
  labelKey: z.string().min(1),
});
export type PredictJob = z.infer<typeof PredictJob>;

export const PredictResult = z.object({ label: ArtifactRef });
export type PredictResult = z.infer<typeof PredictResult>;

/** What report.html tells of the run, beside the ensemble itself (JSON artifact). */
export const RunReport = z.object({
  runId: z.string(),
  name: z.string(),
  datasetName: z.string(),
  trials: z.array(
    z.object({
      trialId: z.string(),
      number: z.number().int(),
      kind: z.enum(['search', 'fold']),
      algorithm: z.string(),
      fold: z.number().int(),
      state: z.string(),
      steps: z.number().int(),
      bestDice: z.number().nullable(),
      diceByClass: z.record(z.string(), z.number().nullable()),
      point: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
      curves: z.record(z.string(), z.array(z.tuple([z.number(), z.number()]))),
    }),
  ),
});
export type RunReport = z.infer<typeof RunReport>;

/** Predicts labelled cases with an ensemble bundle and scores them. */
export const ScoreJob = z.object({
  kind: z.literal('score'),
  bundle: ArtifactRef,
  /** TrainingCase[] as JSON; each has a label. */
  cases: ArtifactRef,
  artifactPrefix: z.string(),
});
export type ScoreJob = z.infer<typeof ScoreJob>;

export const ScoreResult = z.object({
  /** An Evaluation as JSON. */
  evaluation: ArtifactRef,
  /** SHA-256 of each case's files as they were scored, by case id, as JSON; trainers of before 25 November do not say. */
  hashes: ArtifactRef.optional(),
});
export type ScoreResult = z.infer<typeof ScoreResult>;

/** Asks an ensemble's members how sure they are of unlabelled cases, and orders these by what a label would tell. */
export const SuggestJob = z.object({
  kind: z.literal('suggest'),
  bundle: ArtifactRef,
  /** TrainingCase[] as JSON, without labels. */
  cases: ArtifactRef,
  /** TrainingCase[] as JSON: the labelled ones, which need no second of their kind. */
  labelled: ArtifactRef,
  /** Where predictions and entropy maps go; absent in jobs of an earlier version, which keep none. */
  artifactPrefix: z.string().optional(),
});
export type SuggestJob = z.infer<typeof SuggestJob>;

export const SuggestResult = z.object({ cases: z.array(SuggestedCase) });
export type SuggestResult = z.infer<typeof SuggestResult>;

/** Any job for a trainer's child process. */
export const Job = z.discriminatedUnion('kind', [
  AnalyzeJob,
  ProbeJob,
  TrainJob,
  EnsembleJob,
  PredictJob,
  ScoreJob,
  SuggestJob,
]);
export type Job = z.infer<typeof Job>;

/** The activities of the queue `gpu`, as workflows call them and the trainer implements them. */
export interface GpuActivities {
  analyzeDataset(job: AnalyzeJob): Promise<AnalyzeResult>;
  probePlan(job: ProbeJob): Promise<ProbeResult>;
  trainTrial(job: TrainJob): Promise<TrainResult>;
  buildEnsemble(job: EnsembleJob): Promise<EnsembleJobResult>;
  predictImage(job: PredictJob): Promise<PredictResult>;
  scoreBundle(job: ScoreJob): Promise<ScoreResult>;
  suggestCases(job: SuggestJob): Promise<SuggestResult>;
}
