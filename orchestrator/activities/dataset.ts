import type { Analysis } from '@voxhelm/contracts/analysis';
import { Analysis as AnalysisSchema } from '@voxhelm/contracts/analysis';
import {
  DatasetCheck,
  declaredLabels,
  type LabelDefinition,
  Modality,
  withBackground,
} from '@voxhelm/contracts/dataset';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { AnalyzeJob, AnalyzeResult } from '@voxhelm/contracts/jobs';
import { Retraining } from '@voxhelm/contracts/schedule';
import type { Prisma, Transaction } from '@voxhelm/prisma/client';
import type { Dataset, Run } from '@voxhelm/prisma/generated/client';
import { newId } from '@voxhelm/prisma/ids';
import { fromJsonOrNull, toJson } from '@voxhelm/prisma/json';
import { readJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import type { OrchestratorActivities } from '../workflows/activity-interface.ts';
import { adoptAnalysis } from './branch.ts';
import type { Dependencies } from './dependencies.ts';
import { heldOutOf } from './held-out.ts';
import { addEvents, changeRun, enterStage, hasEnded, requestOf } from './run-rows.ts';

type DatasetActivities = Pick<
  OrchestratorActivities,
  'beginDatasetCheck' | 'recordDatasetCheck' | 'recordDatasetFailure' | 'beginRun' | 'recordRunAnalysis'
>;

const GivenModality = z.union([Modality, z.array(Modality)]);
const GivenLabels = z.record(z.string(), z.string());

/** Checking datasets and recording what was found: for a dataset alone, and at the beginning of a run. */
export function datasetActivities(dependencies: Dependencies): DatasetActivities {
  const { db, now } = dependencies;
  return {
    async beginDatasetCheck({ datasetId }) {
      const dataset = await db.dataset.findUnique({ where: { id: datasetId } });
      if (dataset === null) throw new VoxhelmError('not-found', `there is no dataset ${datasetId}`);
      return analyzeJobOf(dataset, `datasets/${datasetId}`);
    },

    async recordDatasetCheck({ datasetId, result }) {
      const read = await readResult(dependencies, result);
      await db.$transaction((transaction) =>
        recordAnalysis(transaction, { owner: `dataset-${datasetId}`, datasetId, result, read, shown: true }),
      );
    },

    async recordDatasetFailure({ datasetId, failure }) {
      await db.dataset.update({ where: { id: datasetId }, data: { state: 'failed', failure: failure.message } });
    },

    async beginRun({ runId }): Promise<AnalyzeJob | null> {
      return changeRun(db, runId, async (transaction, run) => {
        const dataset = await transaction.dataset.findUniqueOrThrow({ where: { id: run.datasetId } });
        const request = requestOf(run);
        if (!hasEnded(run)) {
          const startedAt = run.startedAt ?? now();
          await addEvents(transaction, runId, {
            key: 'started',
            type: 'run.started',
            message: `Run "${run.name}" started on dataset "${dataset.name}".`,
          });
          const message = `Checking and analysing the cases of "${dataset.name}".`;
          await enterStage(transaction, run, 'analysis', message, { state: 'running', startedAt });
        }
        if (request.branch !== undefined && (await adoptAnalysis(transaction, run, request.branch))) return null;
        const job = analyzeJobOf(dataset, `runs/${runId}/analysis`);
        return {
          ...job,
          modality: request.modality ?? job.modality,
          labels: request.labels ?? job.labels,
          ...knownToRetraining(run),
          heldOut: await heldOutOf(transaction, run.datasetId),
        };
      });
    },

    async recordRunAnalysis({ runId, result }) {
      const read = await readResult(dependencies, result);
      const refused = await changeRun(db, runId, async (transaction, run) => {
        const request = requestOf(run);
        const dataset = await transaction.dataset.findUniqueOrThrow({ where: { id: run.datasetId } });
        // A run with its own modality or labels says nothing of the dataset as it was registered.
        const shown = dataset.analysisId === null || (request.modality === undefined && request.labels === undefined);
        const analysisId = await recordAnalysis(transaction, {
          owner: `run-${runId}`,
          datasetId: run.datasetId,
          result,
          read,
          shown,
        });
        await transaction.run.update({ where: { id: runId }, data: { analysisId, device: toJson(result.device) } });
        await addEvents(transaction, runId, {
          key: 'dataset.checked',
          type: 'dataset.checked',
          message: describeCheck(result),
          data: {
            trainingCases: result.validTrainingCases,
            testingCases: result.validTestingCases,
            errors: result.errors,
            warnings: result.warnings,
          },
        });
        return result.errors > 0 && !request.skipInvalid;
      });
      // Thrown after the commit: the findings stay, and the run's page shows them.
      if (refused) throw refusal(read.check);
      const unknown = withoutModality(read.check);
      if (unknown !== null) throw unknown;
      if (read.analysis === null || result.validTrainingCases < 2) throw tooFewCases(result);
    },
  };
}

/** The check of a dataset as it was registered. */
export function analyzeJobOf(
  dataset: Pick<Dataset, 'path' | 'givenModality' | 'givenLabels'>,
  artifactPrefix: string,
): AnalyzeJob {
  return {
    kind: 'analyze',
    datasetPath: dataset.path,
    modality: fromJsonOrNull('Dataset.givenModality', GivenModality, dataset.givenModality),
    labels: fromJsonOrNull('Dataset.givenLabels', GivenLabels, dataset.givenLabels),
    artifactPrefix,
  };
}

/** A retraining need not compute again what its firing's look computed. */
function knownToRetraining(run: Pick<Run, 'retraining'>): Pick<AnalyzeJob, 'known'> {
  return { known: fromJsonOrNull('Run.retraining', Retraining, run.retraining)?.known ?? null };
}

/** A check's artifacts, read. */
export interface ReadResult {
  readonly check: DatasetCheck;
  readonly analysis: Analysis | null;
}

/** Reads what a check left in the artifact store. */
export async function readResult({ store }: Dependencies, result: AnalyzeResult): Promise<ReadResult> {
  return {
    check: await readJson(store, result.check, DatasetCheck),
    analysis: result.analysis === null ? null : await readJson(store, result.analysis, AnalysisSchema),
  };
}

/** A check to be recorded. */
export interface AnalysisRecord {
  /** Recording twice for one owner changes nothing. */
  readonly owner: string;
  readonly datasetId: string;
  readonly result: AnalyzeResult;
  readonly read: ReadResult;
  /** Whether the dataset's page shows this one from now on. */
  readonly shown: boolean;
}

/** Records a check with its cases, once for each owner; returns the analysis's id. */
export async function recordAnalysis(transaction: Transaction, record: AnalysisRecord): Promise<string> {
  const { owner, datasetId, result, read, shown } = record;
  const known = await transaction.analysis.findUnique({ where: { owner }, select: { id: true } });
  if (known !== null) return known.id;
  const { datalist, cases, findings, fingerprint } = read.check;
  const id = newId('an');
  await transaction.analysis.create({
    data: {
      id,
      datasetId,
      owner,
      layout: datalist.layout,
      fingerprint,
      labels: labelsDeclaredOrFound(read) as unknown as Prisma.InputJsonArray,
      modalities: datalist.modalities,
      findings,
      errors: result.errors,
      warnings: result.warnings,
      trainingCases: result.validTrainingCases,
      testingCases: result.validTestingCases,
      summary: toJson(read.analysis?.summary ?? null),
      device: result.device,
      check: result.check,
      analysis: toJson(result.analysis),
    },
  });
  await transaction.datasetCase.createMany({
    data: cases.map(({ shape, spacingMm, fold, patient, channels: _, voxelSha256, ...rest }, position) => ({
      analysisId: id,
      position,
      ...rest,
      fold: fold ?? null,
      patient: patient ?? null,
      voxelSha256: voxelSha256 ?? null,
      shape: toJson(shape),
      spacingMm: toJson(spacingMm),
    })),
  });
  if (shown) {
    const state = result.errors > 0 || read.analysis === null ? 'faulty' : 'ready';
    await transaction.dataset.update({ where: { id: datasetId }, data: { state, analysisId: id, failure: null } });
  }
  return id;
}

/** The classes with background first: what the dataset declares, or else the values that were found in its labels. */
function labelsDeclaredOrFound({ check, analysis }: ReadResult): LabelDefinition[] {
  const found = (analysis?.summary.label_stats.labels ?? []).map((value) => ({ value, name: `label ${value}` }));
  return declaredLabels(check.datalist) ?? withBackground(found);
}

function describeCheck({ validTrainingCases, validTestingCases, errors, warnings }: AnalyzeResult): string {
  const cases = `Checked: ${validTrainingCases} training and ${validTestingCases} test cases can be used`;
  if (errors === 0 && warnings === 0) return `${cases}; the check found nothing wrong.`;
  return `${cases}; the check found ${errors} errors and ${warnings} warnings.`;
}

/** Says how much is wrong; what, case by case, are the findings, which the run's detail and page show. */
function refusal({ findings }: DatasetCheck): VoxhelmError {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const cases = new Set(errors.map((finding) => finding.case)).size;
  const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
  return new VoxhelmError(
    'bad-dataset',
    `the dataset check found ${counted(errors.length, 'error')} in ${counted(cases, 'case')}`,
    {
      fix: 'Correct the files (`voxhelm analyze` lists every finding), or set skipInvalid to go on without these cases.',
    },
  );
}

/** A warning of the check that no run can do without. */
function withoutModality({ findings }: DatasetCheck): VoxhelmError | null {
  const finding = findings.find(({ code }) => code === 'modality-unknown');
  return finding === undefined ? null : new VoxhelmError('bad-dataset', finding.message, { fix: finding.fix });
}

/** The refusal of a dataset with nothing to train on. */
export function tooFewCases({ validTrainingCases }: AnalyzeResult): VoxhelmError {
  return new VoxhelmError(
    'bad-dataset',
    `only ${validTrainingCases} valid training cases were found; 2 are the least`,
    {
      fix: 'Add labelled cases: one is trained on, one validates.',
    },
  );
}
