import { networkOf } from '@voxhelm/algorithms/networks';
import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import type { Plan } from '@voxhelm/contracts/plan';
import type { LabelMap, Volume } from '@voxhelm/imaging/volume';
import { createPredictor } from '@voxhelm/nn/predictor';
import { type EnsemblePrediction, type LoadedModel, predictImages } from './fuse-models.ts';
import { imageGroups, type Prepared, type PreparedImage, prepareImage, rethrow } from './image-groups.ts';

/** A model ready to predict: its plan and its weights (safetensors under MONAI's names). */
export interface ModelFile {
  readonly plan: Plan;
  readonly weights: Uint8Array;
}

/** An item with its image and what the ensemble says of it. */
export interface PredictedItem<T> {
  readonly item: T;
  readonly image: Volume;
  readonly prediction: EnsemblePrediction;
}

/** An ensemble in memory. The same code predicts test cases while it is built and new images from a bundle. */
export interface EnsemblePredictor {
  readonly models: readonly LoadedModel[];
  /** The fused label map on the image's own grid. Throws `bad-image` where the image does not fit the models. */
  predict(image: Volume): Promise<LabelMap>;
  /**
   * Predictions of the images of items, in order; images too small for a batch of windows share one, so that a few may be in
   * memory at once ({@link imageGroups}). What fails ends it, unless `onFailure` takes it: then that item is left out.
   */
  predictEach<T>(
    items: readonly T[],
    read: (item: T) => Promise<Volume>,
    onFailure?: (item: T, error: unknown) => void,
  ): AsyncGenerator<PredictedItem<T>>;
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
  const predictGroup = (images: readonly PreparedImage[]) => predictImages(models, images, fusion, labels);
  return {
    models,
    async predict(image) {
      const [prediction] = await predictGroup([prepareImage(image)]);
      return (prediction as EnsemblePrediction).labels;
    },
    async *predictEach(items, read, onFailure = rethrow) {
      for await (const group of imageGroups(items, read, models, onFailure)) {
        yield* predictTogether(group, predictGroup, onFailure);
      }
    },
    dispose: () => disposeModels(models),
  };
}

/** Where a group fails, each of it is predicted alone, so that only what is at fault is left out. */
async function* predictTogether<T>(
  group: readonly Prepared<T>[],
  predictGroup: (images: readonly PreparedImage[]) => Promise<EnsemblePrediction[]>,
  onFailure: (item: T, error: unknown) => void,
): AsyncGenerator<PredictedItem<T>> {
  let predictions: EnsemblePrediction[];
  try {
    predictions = await predictGroup(group.map(({ prepared }) => prepared));
  } catch (error) {
    const [first] = group;
    if (first === undefined) throw error;
    if (group.length === 1) onFailure(first.item, error);
    else for (const one of group) yield* predictTogether([one], predictGroup, onFailure);
    return;
  }
  for (const [index, { item, prepared }] of group.entries()) {
    yield { item, image: prepared.image, prediction: predictions[index] as EnsemblePrediction };
  }
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
