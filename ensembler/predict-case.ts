import type { Plan } from '@voxhelm/contracts/plan';
import { type PreprocessedCase, restoreProbabilities } from '@voxhelm/imaging/preprocess';
import { fillBatches, windowCount } from '@voxhelm/nn/sliding-window';
import type { Predictor } from '@voxhelm/nn/window-predictor';

/**
 * One model's class probabilities of cases, each on its image's own grid: sliding window in the plan's space (mirrored
 * copies averaged where `flips` names axes), then resampled and turned back. Returns [class][x][y][z], 0..1, of each.
 */
export async function predictPreprocessed(
  predictor: Predictor,
  cases: readonly PreprocessedCase[],
  plan: Plan,
  flips: readonly (readonly number[])[],
): Promise<Float32Array[]> {
  const probabilities = await predictor.predict(cases, plan.inference, flips);
  return cases.map((one, i) => restoreProbabilities(probabilities[i] as Float32Array, predictor.classes, one));
}

/** Cases in order, in groups as small as fill a model's batches of windows; see `fillBatches`. */
export function groupCases<T>(cases: readonly T[], plan: Plan, shapeOf: (one: T) => PreprocessedCase['shape']): T[][] {
  const { overlap, windowBatchSize } = plan.inference;
  return fillBatches(cases, (one) => windowCount(shapeOf(one), plan.patchSize, overlap), windowBatchSize);
}
