import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { keepLargestComponent } from '@voxhelm/imaging/components';
import { type PreprocessedCase, preprocessImage } from '@voxhelm/imaging/preprocess';
import { type LabelMap, type Volume, voxelCount } from '@voxhelm/imaging/volume';
import type { Predictor } from '@voxhelm/nn/window-predictor';
import { addToFusion, type Fusion, fusedLabels, fusionEntropy, startFusion } from './fuse.ts';
import { predictPreprocessed } from './predict-case.ts';

/*
 * Models in memory predict an image together. Whoever loaded them says by which engine: a trainer, or a browser.
 */

/** A model in memory. */
export interface LoadedModel {
  readonly plan: Plan;
  readonly predictor: Predictor;
}

/** What an ensemble says of an image, on the image's own grid. */
export interface EnsemblePrediction {
  readonly labels: LabelMap;
  /** {@link fusionEntropy} over members and mirrored views, [x][y][z]. */
  readonly entropy: Float32Array;
}

/** The fused label map and how sure it is. Throws `bad-image` where the image does not fit the models. */
export async function predictImage(
  models: readonly LoadedModel[],
  image: Volume,
  fusion: FusionPlan,
  labels: readonly LabelDefinition[],
): Promise<EnsemblePrediction> {
  const totals = await fuseTotals(models, image, fusion, labels.length);
  const data = fusedLabels(
    totals,
    labels.map(({ value }) => value),
  );
  for (const value of fusion.largestComponent) keepLargestComponent(data, image.shape, value);
  return { labels: { shape: image.shape, data, affine: image.affine }, entropy: fusionEntropy(totals) };
}

/** Label values by the models' fused predictions, [x][y][z] on the image's own grid; every component kept. */
export async function fuseModels(
  models: readonly LoadedModel[],
  image: Volume,
  fusion: Pick<FusionPlan, 'mode' | 'flips'>,
  labels: readonly LabelDefinition[],
): Promise<Uint8Array | Uint16Array> {
  return fusedLabels(
    await fuseTotals(models, image, fusion, labels.length),
    labels.map((label) => label.value),
  );
}

/** The models' predictions added up: what the labels are taken from, and how sure they are. */
export async function fuseTotals(
  models: readonly LoadedModel[],
  image: Volume,
  fusion: Pick<FusionPlan, 'mode' | 'flips'>,
  classes: number,
): Promise<Fusion> {
  const running = startFusion(fusion.mode, classes, voxelCount(image.shape));
  const preprocess = sharedPreprocessing(image);
  for (const { plan, predictor } of models) {
    const [probabilities] = await predictPreprocessed(predictor, [preprocess(plan)], plan, fusion.flips);
    addToFusion(running, probabilities as Float32Array);
  }
  return running;
}

/** Preprocesses an image once for all plans that ask for the same. */
function sharedPreprocessing(image: Volume): (plan: Plan) => PreprocessedCase {
  checkFinite(image);
  const done = new Map<string, PreprocessedCase>();
  return (plan) => {
    checkChannels(image, plan);
    const key = JSON.stringify(plan.preprocessing);
    const preprocessed = done.get(key) ?? preprocessImage(image, plan.preprocessing);
    done.set(key, preprocessed);
    return preprocessed;
  };
}

function checkChannels(image: Volume, plan: Plan): void {
  if (image.channels === plan.modalities.length) return;
  throw new VoxhelmError(
    'bad-image',
    `the image has ${image.channels} channel(s), the models were trained on ${plan.modalities.length} (${plan.modalities.join(', ')})`,
    {
      fix: 'Give all channels in the order of training: one 4-D file, or one file per channel named CASE_0000, CASE_0001, ...',
    },
  );
}

/** One NaN would spread over a whole window and come out as background without a word. */
function checkFinite(image: Volume): void {
  const bad = image.data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new VoxhelmError('bad-image', `the image holds NaN or infinite voxels (first at index ${bad})`, {
    fix: 'Replace them in the image; Voxhelm repairs nothing silently.',
  });
}
