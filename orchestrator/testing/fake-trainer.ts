import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { Context, heartbeat } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { CPU, HIPPOCAMPUS, madeUpSummary } from '@voxhelm/algorithms/planning-fixtures';
import type { Analysis, CaseAnalysis } from '@voxhelm/contracts/analysis';
import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { type DatasetCheck, DatasetCheck as DatasetCheckSchema, type Finding } from '@voxhelm/contracts/dataset';
import {
  type EnsembleCandidateMember,
  type GpuActivities,
  type ProbeResult,
  TrainingCase,
  type TrainJob,
  type TrainResult,
  type ValidationPredictions,
} from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import { hashFiles } from '@voxhelm/imaging/datasets/check-case';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import { sameCaseAs } from '@voxhelm/imaging/datasets/same-case';
import { type ArtifactStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';

/** What a fake trainer does beside answering at once. */
export interface FakeTrainer {
  /** Jobs in the order in which they were begun. */
  readonly jobs: TrainJob[];
  /** Findings of the dataset check. */
  findings: Finding[];
  /** Called in each analysis; may wait (until `cancelled`). */
  analyze: ((cancelled: Promise<never>) => Promise<void>) | null;
  /** Called in each probe with its plan: what it finds beside the usual; may wait (until `cancelled`). */
  probe: ((plan: Plan, cancelled: Promise<never>) => Partial<ProbeResult> | Promise<Partial<ProbeResult>>) | null;
  /** Called in each training; may wait (until `cancelled`), throw, or say how it ended. */
  train: (job: TrainJob, cancelled: Promise<never>) => Promise<Partial<TrainResult>>;
  /** Writes no predictions and no files: for measuring what the orchestrator itself costs. */
  bare: boolean;
  /** Dice of a run's bundle on a comparison case. */
  score: (runId: string, caseId: string) => number;
  /** Bundles that were scored, and on how many cases. */
  readonly scored: { runId: string; cases: number }[];
}

/** A training that went well at once. */
const WELL = async (): Promise<Record<string, never>> => ({});

/** Made-up trainer state, to be changed by a test. */
export function fakeTrainer(): FakeTrainer {
  return {
    jobs: [],
    findings: [],
    analyze: null,
    probe: null,
    train: WELL,
    bare: false,
    score: () => 0.9,
    scored: [],
  };
}

const CASES = 10;
const TEST_CASES = 2;

/** Waits for something while the activity beats, so that it hears of its cancellation. */
async function beating<T>(phase: string, wait: (cancelled: Promise<never>) => Promise<T>): Promise<T> {
  const beat = setInterval(() => heartbeat({ phase }), 100);
  try {
    return await wait(Context.current().cancelled);
  } finally {
    clearInterval(beat);
  }
}

/** The activities of the queue `gpu` without a device: the same values and artifacts, made up. */
export function fakeGpuActivities(store: ArtifactStore, trainer: FakeTrainer): GpuActivities {
  const nothing: ArtifactRef = { uri: 'nothing', sha256: createHash('sha256').digest('hex'), bytes: 0 };
  return {
    async analyzeDataset(job) {
      if (trainer.analyze !== null) await beating('analysing', trainer.analyze);
      const check = existsSync(job.datasetPath)
        ? await folderCheck(job.datasetPath)
        : madeUpCheck(job.datasetPath, trainer.findings);
      const valid = check.cases.filter((each) => each.valid);
      const training = valid.filter(({ role }) => role === 'training');
      const isHeldOut = sameCaseAs(job.heldOut ?? []);
      const cases = training.filter((one) => !isHeldOut(one)).length;
      const summary = madeUpSummary({ ...HIPPOCAMPUS, cases });
      const analysis: Analysis = { schemaVersion: 1, summary, cases: training.map(statisticsOf) };
      const before = job.known && (await readJson(store, job.known.check, DatasetCheckSchema));
      const known = new Set((before?.cases ?? []).map(({ sha256 }) => sha256));
      const reusedCases = check.cases.filter(({ sha256 }) => known.has(sha256)).length;
      return {
        check: await writeJson(store, `${job.artifactPrefix}/check.json`, check),
        analysis: await writeJson(store, `${job.artifactPrefix}/analysis.json`, analysis),
        validTrainingCases: valid.filter(({ role }) => role === 'training').length,
        validTestingCases: valid.filter(({ role }) => role === 'testing').length,
        errors: trainer.findings.filter(({ severity }) => severity === 'error').length,
        warnings: 0,
        reusedCases,
        device: CPU,
      };
    },

    async probePlan(job) {
      const { probe } = trainer;
      const found =
        probe === null
          ? {}
          : await beating('probing', async (cancelled) => probe(await readJson(store, job.plan, Plan), cancelled));
      return {
        stepMs: 10,
        predictCaseMs: 5,
        startMs: 10,
        peakMemoryMb: 100,
        precision: null,
        smaller: 0,
        architectureSearch: null,
        ...found,
      };
    },

    async trainTrial(job) {
      trainer.jobs.push(job);
      heartbeat({ phase: 'training' });
      const beat = setInterval(() => heartbeat({ phase: 'training' }), 100);
      try {
        const changes = await trainer.train(job, Context.current().cancelled);
        const plan = trainer.bare ? null : await readJson(store, job.plan, Plan);
        const steps = Math.min(job.until ?? 1, plan?.training.steps ?? 1);
        const dice = 0.8 + (job.seed % 100) / 1000;
        const trained: TrainResult = {
          outcome: 'completed',
          reason: null,
          step: steps,
          bestStep: steps,
          bestDice: dice,
          diceByClass: { '1': dice, '2': dice },
          best: { artifact: nothing, step: steps, dice },
          last: { artifact: nothing, step: steps, dice },
          predictions: trainer.bare ? null : await predictions(store, job, steps, dice),
          trainMs: 1,
          stepMs: 1,
          validationMs: 1,
        };
        return { ...trained, ...changes };
      } catch (error) {
        if (error instanceof CancelledFailure || error instanceof ApplicationFailure) throw error;
        throw ApplicationFailure.create({ message: String(error), type: 'internal' });
      } finally {
        clearInterval(beat);
      }
    },

    async predictImage(job) {
      return { label: await store.write(job.labelKey, Buffer.from('a label map')) };
    },

    async scoreBundle(job) {
      const runId = job.artifactPrefix.split('/').at(-1) ?? '';
      const cases = await readJson(store, job.cases, z.array(TrainingCase));
      trainer.scored.push({ runId, cases: cases.length });
      const scores = cases.map(({ caseId }) => {
        const dice = trainer.score(runId, caseId);
        const own = { dice, iou: dice, hd95Mm: 1, assdMm: 1, surfaceDice: dice };
        return { case: caseId, dice, classes: { '1': own, '2': own } };
      });
      const evaluation = { toleranceMm: 1, cases: scores, mean: { ...NO_SCORES, classes: {} }, worst: null };
      const hashes = Object.fromEntries(cases.map((one) => [one.caseId, hashFiles(one) ?? one.sha256 ?? '']));
      return {
        evaluation: await writeJson(store, `${job.artifactPrefix}/evaluation.json`, evaluation),
        hashes: await writeJson(store, `${job.artifactPrefix}/hashes.json`, hashes),
      };
    },

    async suggestCases(job) {
      const cases = await readJson(store, job.cases, z.array(TrainingCase));
      return {
        cases: cases.map(({ caseId }) => ({ caseId, uncertainty: 0.5, disagreement: 0.1, novelty: 0.5, maps: false })),
      };
    },

    async buildEnsemble(job) {
      const members = JSON.parse((await store.read(job.members)).toString('utf8')) as EnsembleCandidateMember[];
      const trialIds = members.map(({ trialId }) => trialId).slice(0, 3);
      const chosen = {
        rule: 'best-n' as const,
        n: trialIds.length,
        fusion: { mode: 'mean' as const, flips: [], largestComponent: [] },
        trialIds,
        validationDice: members.reduce((sum, { validationDice }) => sum + validationDice, 0) / members.length,
        validationCases: CASES,
      };
      const mean = { dice: 0.9, iou: 0.8, hdMm: 2, hd95Mm: 1, assdMm: 0.5, surfaceDice: 0.9 };
      const scores = { case: 'test-0', dice: 0.9, classes: { '1': mean } };
      const test = {
        toleranceMm: 1,
        cases: [scores],
        mean: { ...mean, classes: { '1': mean } },
        worst: { case: 'test-0', dice: 0.9 },
      };
      return {
        plan: { schemaVersion: 1, chosen, candidates: [chosen] },
        testDice: 0.9,
        testHd95Mm: 1,
        test: await writeJson(store, `${job.artifactPrefix}/test.json`, test),
        bundle: await store.write(`${job.artifactPrefix}/bundle.zip`, Buffer.from('zip')),
        reportHtml: await store.write(`${job.artifactPrefix}/report.html`, Buffer.from('<html>')),
      };
    },
  };
}

const NO_SCORES = { dice: null, iou: null, hd95Mm: null, assdMm: null, surfaceDice: null };

/** A real folder whose files are no images: an image's text is the intensity of its foreground. */
async function folderCheck(root: string): Promise<DatasetCheck> {
  const datalist = await readDatalist(root);
  const roles = { training: datalist.training, testing: datalist.testing, unlabelled: datalist.unlabelled ?? [] };
  const cases = Object.entries(roles).flatMap(([role, list]) =>
    list.map(({ caseId, images, label }) => ({
      caseId,
      role: role as 'training' | 'testing' | 'unlabelled',
      images,
      label,
      valid: true,
      sha256: hashFiles({ images, label }),
      shape: [35, 50, 35] as [number, number, number],
      spacingMm: [1, 1, 1] as [number, number, number],
    })),
  );
  const labels = HIPPOCAMPUS.labels.map((name, value) => ({ value, name }));
  const fingerprint = createHash('sha256').update(JSON.stringify(cases)).digest('hex');
  return {
    schemaVersion: 1,
    datalist: { ...datalist, modalities: ['MRI'], channelNames: ['MRI'], labels },
    cases,
    findings: [],
    fingerprint,
  };
}

function statisticsOf({ caseId, images, label }: DatasetCheck['cases'][number]): CaseAnalysis {
  const [image = ''] = images;
  const level = existsSync(image) ? Number(readFileSync(image, 'utf8')) : 100;
  const quantiles = { percentile_00_5: level / 2, percentile_10_0: level, percentile_90_0: level };
  const intensity = { ...quantiles, max: level, mean: level, median: level, min: 0, stdev: 1, percentile_99_5: level };
  return {
    caseId,
    image_filepath: image,
    label_filepath: label ?? '',
    image_stats: {
      shape: [[35, 50, 35]],
      channels: 1,
      cropped_shape: [[35, 50, 35]],
      spacing: [1, 1, 1],
      sizemm: [[35, 50, 35]],
      intensity: [intensity],
    },
    image_foreground_stats: { intensity: [intensity] },
    label_stats: { labels: [], image_intensity: [intensity], label: [] },
  };
}

function madeUpCheck(root: string, findings: readonly Finding[]): DatasetCheck {
  const names = [
    ...Array.from({ length: CASES }, (_, index) => ({ caseId: `case-${index}`, role: 'training' as const })),
    ...Array.from({ length: TEST_CASES }, (_, index) => ({ caseId: `test-${index}`, role: 'testing' as const })),
  ];
  const cases = names.map(({ caseId, role }) => ({
    caseId,
    role,
    images: [`${root}/${caseId}.nii.gz`],
    label: `${root}/${caseId}-label.nii.gz`,
    valid: !findings.some((finding) => finding.case === caseId && finding.severity === 'error'),
    sha256: createHash('sha256').update(caseId).digest('hex'),
    shape: [35, 50, 35] as [number, number, number],
    spacingMm: [1, 1, 1] as [number, number, number],
  }));
  return {
    schemaVersion: 1,
    datalist: {
      schemaVersion: 1,
      name: 'made up',
      root,
      layout: 'decathlon',
      modalities: ['MRI'],
      channelNames: ['MRI'],
      labels: HIPPOCAMPUS.labels.map((name, value) => ({ value, name })),
      training: [],
      testing: [],
    },
    cases,
    findings: [...findings],
    fingerprint: createHash('sha256').update('made up').digest('hex'),
  };
}

function predictions(store: ArtifactStore, job: TrainJob, step: number, dice: number): Promise<ArtifactRef> {
  const nothing: ArtifactRef = { uri: 'nothing', sha256: createHash('sha256').digest('hex'), bytes: 0 };
  const value: ValidationPredictions = {
    schemaVersion: 1,
    trialId: job.trialId,
    fold: job.fold,
    step,
    cases: ['case-0', 'case-1'].map((caseId) => ({
      caseId,
      dice,
      diceByClass: { '1': dice },
      probabilities: nothing,
      labelMap: nothing,
    })),
  };
  return writeJson(store, `${job.artifactPrefix}/predictions.json`, value);
}
