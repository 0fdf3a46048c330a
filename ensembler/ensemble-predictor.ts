import { networkOf } from '@voxhelm/algorithms/networks';
import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Plan } from '@voxhelm/contracts/plan';
import { keepLargestComponent } from '@voxhelm/imaging/components';
import { type PreprocessedCase, preprocessImage } from '@voxhelm/imaging/preprocess';
import { type LabelMap, type Volume, voxelCount } from '@voxhelm/imaging/volume';
import { createPredictor, type Predictor } from '@voxhelm/nn/predictor';
import { addToFusion, fusedLabels, startFusion } from './fuse.ts';
import { predictPreprocessed } from './predict-case.ts';

/** A model ready to predict: its plan and its weights (safetensors under MONAI's names). */
export interface ModelFile {
  readonly plan: Plan;
  readonly weights: Uint8Array;
}

/** A model in memory. */
export interface LoadedModel {
  readonly plan: Plan;
  readonly predictor: Predictor;
}

/** An ensemble in memory. The same code predicts test cases while it is built and new images from a bundle. */
export interface EnsemblePredictor {
  readonly models: readonly LoadedModel[];
  /** The fused label map on the image's own grid. Throws `bad-image` where the image does not fit the models. */
  predict(image: Volume): Promise<LabelMap>;
  /** Frees the weights. */
  dispose(): void;
}

/** Loads every member once. `labels` as in the plans; throws where weights and plan disagree. */
export function loadEnsemble(
  members: readonly ModelFile[],
  fusion: FusionPlan,
  labels: readonly LabelDefinition[],
): EnsemblePredictor {
  const models = loadModels(members);
  return {
    models,
    async predict(image) {
      const data = await fuseModels(models, image, fusion, labels);
      for (const value of fusion.largestComponent) keepLargestComponent(data, image.shape, value);
      return { shape: image.shape, data, affine: image.affine };
    },
    dispose: () => disposeModels(models),
  };
}

/** Loads models; where one does not load, none stays in memory. */
export function loadModels(members: readonly ModelFile[]): LoadedModel[] {
  const models: LoadedModel[] = [];
  try {
    for (const { plan, weights } of members)
      models.push({ plan, predictor: createPredictor(networkOf(plan.network), plan, weights) });
  } catch (error) {
    disposeModels(models);
    throw error;
  }
  return models;
}

/** Frees the weights of models. */
export function disposeModels(models: readonly LoadedModel[]): void {
  for (const model of models) model.predictor.dispose();
}

/** Label values by the models' fused predictions, [x][y][z] on the image's own grid; every component kept. */
export async function fuseModels(
  models: readonly LoadedModel[],
  image: Volume,
  fusion: Pick<FusionPlan, 'mode' | 'flips'>,
  labels: readonly LabelDefinition[],
): Promise<Uint8Array | Uint16Array> {
  const running = startFusion(fusion.mode, labels.length, voxelCount(image.shape));
  const preprocess = sharedPreprocessing(image);
  for (const { plan, predictor } of models) {
    const [probabilities] = await predictPreprocessed(predictor, [preprocess(plan)], plan, fusion.flips);
    addToFusion(running, probabilities as Float32Array);
  }
  return fusedLabels(
    running,
    labels.map((label) => label.value),
  );
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
