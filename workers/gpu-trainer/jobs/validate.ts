import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { ValidationPredictions } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import { predictPreprocessed } from '@voxhelm/ensembler/predict-case';
import { encodeProbabilities } from '@voxhelm/ensembler/probabilities';
import { diceByClass } from '@voxhelm/imaging/metrics/dice';
import { encodeNifti } from '@voxhelm/imaging/nifti';
import { argmaxLabels } from '@voxhelm/imaging/preprocess';
import type { Predictor } from '@voxhelm/nn/predictor';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import type { ValidationCase } from '../loader/messages.ts';

/** Dice of one case or the mean of several; null where no foreground class is in prediction or truth. */
export interface DiceScores {
  readonly dice: number | null;
  /** By label value. */
  readonly diceByClass: Record<string, number | null>;
}

/** One validation case as a model segments it, on the image's own grid. */
export interface PredictedCase extends DiceScores {
  readonly caseId: string;
  /** [class][x][y][z], 0..1. */
  readonly probabilities: Float32Array;
  /** Label values. */
  readonly labels: Uint8Array | Uint16Array;
}

/** Mean of the values that are defined; null without any. */
export function meanDefined(values: Iterable<number | null>): number | null {
  const defined = [...values].filter((value) => value !== null);
  return defined.length === 0 ? null : defined.reduce((sum, value) => sum + value, 0) / defined.length;
}

/** Predicts one case by sliding window and scores it against its truth, as the final evaluation would. */
export async function predictCase(
  predictor: Predictor,
  validation: ValidationCase,
  plan: Plan,
): Promise<PredictedCase> {
  const probabilities = await predictPreprocessed(predictor, validation.image, plan, []);
  const labels = argmaxLabels(probabilities, plan.labels.length, plan.labels);
  const foreground = plan.labels.map((label) => label.value).filter((value) => value !== 0);
  const scores = diceByClass(labels, validation.truth.data, foreground);
  return {
    caseId: validation.caseId,
    probabilities,
    labels,
    dice: meanDefined(scores.values()),
    diceByClass: Object.fromEntries([...scores].map(([value, dice]) => [String(value), dice])),
  };
}

/** Means over cases, of the case means and of each class. */
export function meanScores(cases: readonly DiceScores[]): DiceScores {
  const values = new Set(cases.flatMap((scores) => Object.keys(scores.diceByClass)));
  return {
    dice: meanDefined(cases.map((scores) => scores.dice)),
    diceByClass: Object.fromEntries(
      [...values].map((value) => [value, meanDefined(cases.map((scores) => scores.diceByClass[value] ?? null))]),
    ),
  };
}

/** Scores a predictor on all validation cases of the fold, one after another (one case's memory at a time). */
export async function validateAll(
  predictor: Predictor,
  cases: readonly ValidationCase[],
  plan: Plan,
  hooks: { giveUp(): boolean; onCase(): void },
): Promise<DiceScores> {
  const scores: DiceScores[] = [];
  for (const validation of cases) {
    if (hooks.giveUp()) throw new VoxhelmError('cancelled', 'stopped during a validation');
    const { dice, diceByClass: byClass } = await predictCase(predictor, validation, plan);
    scores.push({ dice, diceByClass: byClass });
    hooks.onCase();
  }
  return meanScores(scores);
}

/** Predicts every validation case and stores probabilities and label map, which the ensemble is chosen on. */
export async function storePredictions(
  predictor: Predictor,
  cases: readonly ValidationCase[],
  plan: Plan,
  target: { readonly store: ArtifactStore; readonly prefix: string; readonly signal: AbortSignal; onCase(): void },
): Promise<ValidationPredictions['cases']> {
  const stored: ValidationPredictions['cases'] = [];
  for (const validation of cases) {
    if (target.signal.aborted) throw new VoxhelmError('cancelled', 'stopped while storing predictions');
    const predicted = await predictCase(predictor, validation, plan);
    const { shape, affine } = validation.truth;
    const key = `${target.prefix}/predictions/${encodeURIComponent(predicted.caseId)}`;
    const probabilities = encodeProbabilities(predicted.probabilities, plan.labels.length, shape);
    stored.push({
      caseId: predicted.caseId,
      dice: predicted.dice,
      diceByClass: predicted.diceByClass,
      probabilities: await target.store.write(`${key}.probabilities.safetensors`, probabilities),
      labelMap: await target.store.write(`${key}.nii.gz`, encodeNifti({ shape, affine, data: predicted.labels }, true)),
    });
    target.onCase();
  }
  return stored;
}
