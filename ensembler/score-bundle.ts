import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import { type ScoreJob, type ScoreResult, TrainingCase } from '@voxhelm/contracts/jobs';
import { hashFiles } from '@voxhelm/imaging/datasets/check-case';
import { evaluateCase, summarize } from '@voxhelm/imaging/metrics/evaluate';
import { readImage } from '@voxhelm/imaging/nifti';
import { type ArtifactStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { z } from 'zod';
import { readBundle } from './bundle-read.ts';
import { loadEnsemble } from './ensemble-predictor.ts';
import { type LabelledCase, readTruth } from './material.ts';
import { TOLERANCE_MM } from './test-cases.ts';
import { foregroundValues, type Watch } from './validation.ts';

/**
 * Predicts labelled cases with a bundle, as whoever downloads it would, and scores them on their own grids. Throws
 * `bad-bundle` or `bad-image`, naming the case.
 */
export async function scoreBundle(job: ScoreJob, store: ArtifactStore, watch: Watch): Promise<ScoreResult> {
  const { manifest, weights } = await readBundle(await store.localPath(job.bundle));
  const cases = (await readJson(store, job.cases, z.array(TrainingCase))).filter(
    (one): one is LabelledCase => one.label !== null,
  );
  const models = manifest.members.map(({ plan }, index) => ({ plan, weights: weights[index] as Uint8Array }));
  const ensemble = loadEnsemble(models, manifest.fusion, manifest.labels);
  const scores: CaseScores[] = [];
  const hashes: Record<string, string> = {};
  try {
    const read = (one: LabelledCase) => {
      watch.step(scores.length, cases.length);
      hashes[one.caseId] = hashOf(one);
      return readImage(one.images);
    };
    for await (const { item: one, prediction } of ensemble.predictEach(cases, read)) {
      const truth = await readTruth(one, prediction.labels.shape);
      scores.push(evaluateCase(one.caseId, prediction.labels, truth, foregroundValues(manifest.labels), TOLERANCE_MM));
      if (hashOf(one) !== hashes[one.caseId]) throw changing(one, 'changed while they were scored');
    }
  } finally {
    ensemble.dispose();
  }
  const evaluation = summarize(scores, TOLERANCE_MM);
  return {
    evaluation: await writeJson(store, `${job.artifactPrefix}/evaluation.json`, evaluation),
    hashes: await writeJson(store, `${job.artifactPrefix}/hashes.json`, hashes),
  };
}

/** The hash of a case's files: two models are compared by scores of equal ones. */
function hashOf(one: LabelledCase): string {
  const hash = hashFiles(one);
  if (hash === null) throw changing(one, 'cannot be read');
  return hash;
}

/** The job is tried again, by then with the files as they are. */
function changing({ caseId }: LabelledCase, what: string): VoxhelmError {
  return new VoxhelmError('storage', `the files of ${caseId} ${what}`, {
    fix: 'See that they are there and nobody writes them; the scoring is tried again.',
  });
}
