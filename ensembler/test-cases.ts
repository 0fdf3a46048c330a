import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import type { CaseScores, Evaluation } from '@voxhelm/contracts/evaluation';
import { withoutIgnored } from '@voxhelm/imaging/ignored';
import { evaluateCase, summarize } from '@voxhelm/imaging/metrics/evaluate';
import { evaluateGroups } from '@voxhelm/imaging/metrics/group-scores';
import { encodeNifti, readImage } from '@voxhelm/imaging/nifti';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import { loadEnsemble, type ModelFile } from './ensemble-predictor.ts';
import { entropyMap } from './entropy-map.ts';
import { type LabelledCase, type Material, readTruth } from './material.ts';
import { foregroundValues, type Watch } from './validation.ts';

/** The ensemble's label maps of the test cases (NIfTI), by case id. */
export type TestPredictions = ReadonlyMap<string, ArtifactRef>;

/** Tolerance of the surface Dice: about a voxel of the usual clinical scan. */
export const TOLERANCE_MM = 1;

/** Where the predictions go, and who watches. */
export interface TestOptions {
  readonly store: ArtifactStore;
  readonly artifactPrefix: string;
  readonly watch: Watch;
}

/**
 * Predicts each labelled test case once with the chosen ensemble and scores it on its own grid. The evaluation is null
 * where there is no labelled test case.
 */
export async function predictTestCases(
  material: Material,
  models: readonly ModelFile[],
  fusion: FusionPlan,
  { store, artifactPrefix, watch }: TestOptions,
): Promise<{ evaluation: Evaluation | null; predictions: TestPredictions }> {
  const predictions = new Map<string, ArtifactRef>();
  if (material.test.length === 0) return { evaluation: null, predictions };
  const scores: CaseScores[] = [];
  const ensemble = loadEnsemble(models, fusion, material.labels);
  try {
    const read = ({ images }: LabelledCase) => {
      watch.step(scores.length, material.test.length);
      return readImage(images);
    };
    for await (const { item: one, prediction: said } of ensemble.predictEach(material.test, read)) {
      const prediction = said.labels;
      const key = `${artifactPrefix}/test/${one.caseId}.nii.gz`;
      await store.write(`${artifactPrefix}/test/${one.caseId}.entropy.nii.gz`, entropyMap(prediction, said.entropy()));
      predictions.set(one.caseId, await store.write(key, encodeNifti(prediction, true)));
      const truth = await readTruth(one, prediction.shape);
      const counted = withoutIgnored(prediction, truth, material.ignoreLabel);
      scores.push(
        material.labelGroups === null
          ? evaluateCase(one.caseId, counted, truth, foregroundValues(material.labels), TOLERANCE_MM)
          : evaluateGroups(one.caseId, counted, truth, material.labelGroups, TOLERANCE_MM),
      );
    }
  } finally {
    ensemble.dispose();
  }
  return { evaluation: summarize(scores, TOLERANCE_MM), predictions };
}
