import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import type { Plan } from '@voxhelm/contracts/plan';
import { keepLargestComponents } from '@voxhelm/imaging/components';
import { rasShapeOf } from '@voxhelm/imaging/geometry';
import { type LabelMap, voxelCount } from '@voxhelm/imaging/volume';
import type { Predictor } from '@voxhelm/nn/window-predictor';
import { addToFusion, type Fusion, fusedLabels, fusionEntropy, startFusion } from './fuse.ts';
import type { PreparedImage } from './image-groups.ts';
import { predictPreprocessed } from './predict-case.ts';
import { type FusedImage, fuseBySlabs, SLAB_VALUES, slabPlanes } from './slabs.ts';

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

/**
 * The fused label map of each image, and how sure it is. Images of more than `slabValues` classes x voxels are predicted slab by
 * slab. Throws `bad-image` where an image does not fit the models.
 */
export async function predictImages(
  models: readonly LoadedModel[],
  images: readonly PreparedImage[],
  fusion: FusionPlan,
  labels: readonly LabelDefinition[],
  slabValues = SLAB_VALUES,
): Promise<EnsemblePrediction[]> {
  const fused = await fuseImages(models, images, fusion, labels, slabValues);
  return fused.map(({ data, entropy }, index) => {
    const { shape, affine } = (images[index] as PreparedImage).image;
    keepLargestComponents(data, shape, fusion.largestComponent);
    return { labels: { shape, data, affine }, entropy };
  });
}

/** Each image's label values by the models' fused predictions, [x][y][z] on its own grid; every component kept. */
export async function fuseModels(
  models: readonly LoadedModel[],
  images: readonly PreparedImage[],
  fusion: Pick<FusionPlan, 'mode' | 'flips'>,
  labels: readonly LabelDefinition[],
): Promise<(Uint8Array | Uint16Array)[]> {
  return (await fuseImages(models, images, fusion, labels, SLAB_VALUES)).map(({ data }) => data);
}

async function fuseImages(
  models: readonly LoadedModel[],
  images: readonly PreparedImage[],
  fusion: Pick<FusionPlan, 'mode' | 'flips'>,
  labels: readonly LabelDefinition[],
  slabValues: number,
): Promise<FusedImage[]> {
  const isLarge = ({ image, preprocessed }: PreparedImage): boolean => {
    const shape = rasShapeOf(image.shape, image.affine);
    const cases = models.map(({ plan }) => preprocessed(plan));
    return slabPlanes(shape, cases, labels.length, slabValues) < shape[0];
  };
  const small = images.filter((one) => !isLarge(one));
  const totals = await fuseTotals(models, small, fusion, labels.length);
  const fused: FusedImage[] = [];
  for (const one of images) {
    const own = totals[small.indexOf(one)];
    fused.push(
      own === undefined
        ? await fuseBySlabs(models, one, fusion, labels, slabValues)
        : { data: fusedLabels(own, valuesOf(labels)), entropy: () => fusionEntropy(own) },
    );
  }
  return fused;
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
