import { voxelCount } from '@voxhelm/imaging/volume';
import type { LoadedModel } from './fuse-models.ts';
import type { PreparedImage } from './image-groups.ts';
import { predictPreprocessed } from './predict-case.ts';

/** Where the background is less sure than this, a voxel counts: elsewhere every model is sure and every case alike. */
const SURE_BACKGROUND = 0.95;

/** How unsure an ensemble is of an image; both as a share of the largest entropy, 0..1. */
export interface Uncertainty {
  /** Entropy of the mean class probabilities. */
  readonly uncertainty: number;
  /** Of it what is the members' disagreement: mutual information (Houlsby et al., arXiv:1112.5745). */
  readonly disagreement: number;
}

/** How unsure an ensemble is of each image, over the voxels that may be foreground. */
export async function uncertaintyOf(
  models: readonly LoadedModel[],
  images: readonly PreparedImage[],
): Promise<Uncertainty[]> {
  const classes = models[0]?.plan.labels.length ?? 1;
  const sums = images.map(({ image }) => {
    const voxels = voxelCount(image.shape);
    return { voxels, mean: new Float32Array(classes * voxels), ownEntropy: new Float32Array(voxels) };
  });
  for (const { plan, predictor } of models) {
    const cases = images.map(({ preprocessed }) => preprocessed(plan));
    const probabilities = await predictPreprocessed(predictor, cases, plan, []);
    for (const [index, { voxels, mean, ownEntropy }] of sums.entries()) {
      const own = probabilities[index] as Float32Array;
      for (let i = 0; i < mean.length; i++) mean[i]! += own[i]! / models.length;
      for (let voxel = 0; voxel < voxels; voxel++)
        ownEntropy[voxel]! += entropy(own, voxel, voxels, classes) / models.length;
    }
  }
  return sums.map(({ mean, ownEntropy, voxels }) => meansOverForeground(mean, ownEntropy, voxels, classes));
}

function meansOverForeground(
  mean: Float32Array,
  ownEntropy: Float32Array,
  voxels: number,
  classes: number,
): Uncertainty {
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
