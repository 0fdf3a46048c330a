import { preprocessImage } from '@voxhelm/imaging/preprocess';
import { type Volume, voxelCount } from '@voxhelm/imaging/volume';
import type { LoadedModel } from './fuse-models.ts';
import { predictPreprocessed } from './predict-case.ts';

/** Where the background is less sure than this, a voxel counts: elsewhere every model is sure and every case alike. */
const SURE_BACKGROUND = 0.95;

/**
 * How unsure an ensemble is of an image, over the voxels that may be foreground: the entropy of the mean class
 * probabilities, and of it what is the members' disagreement (mutual information; Houlsby et al., arXiv:1112.5745). Both
 * as a share of the largest entropy, 0..1.
 */
export async function uncertaintyOf(
  models: readonly LoadedModel[],
  image: Volume,
): Promise<{ uncertainty: number; disagreement: number }> {
  const voxels = voxelCount(image.shape);
  const classes = models[0]?.plan.labels.length ?? 1;
  const mean = new Float32Array(classes * voxels);
  const ownEntropy = new Float32Array(voxels);
  for (const { plan, predictor } of models) {
    const [probabilities] = await predictPreprocessed(
      predictor,
      [preprocessImage(image, plan.preprocessing)],
      plan,
      [],
    );
    const own = probabilities as Float32Array;
    for (let i = 0; i < mean.length; i++) mean[i]! += own[i]! / models.length;
    for (let voxel = 0; voxel < voxels; voxel++)
      ownEntropy[voxel]! += entropy(own, voxel, voxels, classes) / models.length;
  }
  return meansOverForeground(mean, ownEntropy, voxels, classes);
}

function meansOverForeground(mean: Float32Array, ownEntropy: Float32Array, voxels: number, classes: number) {
  let [count, whole, disagreement] = [0, 0, 0];
  for (let voxel = 0; voxel < voxels; voxel++) {
    if (mean[voxel]! >= SURE_BACKGROUND) continue;
    const own = entropy(mean, voxel, voxels, classes);
    count += 1;
    whole += own;
    disagreement += Math.max(0, own - ownEntropy[voxel]!);
  }
  const largest = Math.log(Math.max(2, classes)) * Math.max(1, count);
  return { uncertainty: whole / largest, disagreement: disagreement / largest };
}

/** Of the class probabilities of a voxel, [class][voxel], in nats. */
function entropy(probabilities: Float32Array, voxel: number, voxels: number, classes: number): number {
  let sum = 0;
  for (let index = 0; index < classes; index++) {
    const p = probabilities[index * voxels + voxel]!;
    if (p > 0) sum -= p * Math.log(p);
  }
  return sum;
}
