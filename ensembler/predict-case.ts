import type { Plan } from '@voxhelm/contracts/plan';
import { type PreprocessedCase, restoreProbabilities } from '@voxhelm/imaging/preprocess';
import type { Predictor } from '@voxhelm/nn/predictor';

/**
 * One model's class probabilities of one case, on the image's own grid: sliding window in the plan's space (mirrored
 * copies averaged where `flips` names axes), then resampled and turned back. Returns [class][x][y][z], 0..1.
 */
export async function predictPreprocessed(
  predictor: Predictor,
  preprocessed: PreprocessedCase,
  plan: Plan,
  flips: readonly (readonly number[])[],
): Promise<Float32Array> {
  const { data, channels, shape } = preprocessed;
  const probabilities = await predictor.predict(data, channels, shape, plan.inference, flips);
  return restoreProbabilities(probabilities, predictor.classes, preprocessed);
}
