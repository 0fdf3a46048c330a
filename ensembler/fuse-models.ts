import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import type { Plan } from '@voxhelm/contracts/plan';
import { keepLargestComponents } from '@voxhelm/imaging/components';
import { type LabelMap, type Volume, voxelCount } from '@voxhelm/imaging/volume';
import type { Predictor } from '@voxhelm/nn/window-predictor';
import { addToFusion, type Fusion, fusedLabels, fusionEntropy, startFusion } from './fuse.ts';
import type { PreparedImage } from './image-groups.ts';
import { predictPreprocessed } from './predict-case.ts';

/*
 * Models in memory predict images together. Whoever loaded them says by which engine: a trainer, or a browser.
 */

/** A model in memory. */
export interface LoadedModel {
  readonly plan: Plan;
  readonly predictor: Predictor;
}

/** What an ensemble says of an image, on the image's own grid. */
export interface EnsemblePrediction {
  readonly labels: LabelMap;
  /** {@link fusionEntropy} over members and mirrored views, [x][y][z]; computed when it is asked for. */
  entropy(): Float32Array;
}

/** The fused label map of each image, and how sure it is. Throws `bad-image` where an image does not fit the models. */
export async function predictImages(
  models: readonly LoadedModel[],
  images: readonly PreparedImage[],
  fusion: FusionPlan,
  labels: readonly LabelDefinition[],
): Promise<EnsemblePrediction[]> {
  const totals = await fuseTotals(models, images, fusion, labels.length);
  return images.map(({ image }, index) => finished(totals[index] as Fusion, image, fusion, labels));
}

function finished(
  totals: Fusion,
  { shape, affine }: Volume,
  fusion: FusionPlan,
  labels: readonly LabelDefinition[],
): EnsemblePrediction {
  const data = fusedLabels(totals, valuesOf(labels));
  keepLargestComponents(data, shape, fusion.largestComponent);
  return { labels: { shape, data, affine }, entropy: () => fusionEntropy(totals) };
}

/** Each image's label values by the models' fused predictions, [x][y][z] on its own grid; every component kept. */
export async function fuseModels(
  models: readonly LoadedModel[],
  images: readonly PreparedImage[],
  fusion: Pick<FusionPlan, 'mode' | 'flips'>,
  labels: readonly LabelDefinition[],
): Promise<(Uint8Array | Uint16Array)[]> {
  const totals = await fuseTotals(models, images, fusion, labels.length);
  return totals.map((each) => fusedLabels(each, valuesOf(labels)));
}

/** The models' predictions of each image added up: what the labels are taken from, and how sure they are. */
async function fuseTotals(
  models: readonly LoadedModel[],
  images: readonly PreparedImage[],
  fusion: Pick<FusionPlan, 'mode' | 'flips'>,
  classes: number,
): Promise<Fusion[]> {
  const running = images.map(({ image }) => startFusion(fusion.mode, classes, voxelCount(image.shape)));
  for (const { plan, predictor } of models) {
    const cases = images.map(({ preprocessed }) => preprocessed(plan));
    const probabilities = await predictPreprocessed(predictor, cases, plan, fusion.flips);
    for (const [index, each] of probabilities.entries()) addToFusion(running[index] as Fusion, each);
  }
  return running;
}

function valuesOf(labels: readonly LabelDefinition[]): number[] {
  return labels.map(({ value }) => value);
}
