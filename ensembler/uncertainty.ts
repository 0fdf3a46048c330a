import { type LabelMap, voxelCount } from '@voxhelm/imaging/volume';
import { type Fusion, fusedLabels, fusionEntropy } from './fuse.ts';
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
  /** Where: the label map of the mean probabilities, and their entropy (0..1) at each voxel, on the image's own grid. */
  maps(): { readonly labels: LabelMap; readonly entropy: Float32Array };
}

/** How unsure an ensemble is of each image, over the voxels that may be foreground. */
export async function uncertaintyOf(
  models: readonly LoadedModel[],
  images: readonly PreparedImage[],
): Promise<Uncertainty[]> {
  const values = models[0]?.plan.labels.map(({ value }) => value) ?? [0];
  const classes = values.length;
  const sums = images.map(({ image }) => {
    const voxels = voxelCount(image.shape);
    return { image, voxels, mean: new Float32Array(classes * voxels), ownEntropy: new Float32Array(voxels) };
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
  return sums.map(({ image: { shape, affine }, mean, ownEntropy, voxels }) => ({
    ...meansOverForeground(mean, ownEntropy, voxels, classes),
    maps() {
      const fused: Fusion = { mode: 'mean', classes, voxels, totals: mean };
      return { labels: { shape, affine, data: fusedLabels(fused, values) }, entropy: fusionEntropy(fused) };
    },
  }));
}

function meansOverForeground(
  mean: Float32Array,
  ownEntropy: Float32Array,
  voxels: number,
  classes: number,
): Pick<Uncertainty, 'uncertainty' | 'disagreement'> {
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
