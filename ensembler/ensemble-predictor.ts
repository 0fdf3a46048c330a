import { networkOf } from '@voxhelm/algorithms/networks';
import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import type { Plan } from '@voxhelm/contracts/plan';
import type { LabelMap, Volume } from '@voxhelm/imaging/volume';
import { createPredictor } from '@voxhelm/nn/predictor';
import { type EnsemblePrediction, type LoadedModel, predictImage } from './fuse-models.ts';

/** A model ready to predict: its plan and its weights (safetensors under MONAI's names). */
export interface ModelFile {
  readonly plan: Plan;
  readonly weights: Uint8Array;
}

/** An ensemble in memory. The same code predicts test cases while it is built and new images from a bundle. */
export interface EnsemblePredictor {
  readonly models: readonly LoadedModel[];
  /** The fused label map on the image's own grid. Throws `bad-image` where the image does not fit the models. */
  predict(image: Volume): Promise<LabelMap>;
  /** As {@link predict}, with how sure it is. */
  predictWithEntropy(image: Volume): Promise<EnsemblePrediction>;
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
    predict: async (image) => (await predictImage(models, image, fusion, labels)).labels,
    predictWithEntropy: (image) => predictImage(models, image, fusion, labels),
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
