import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import type { ValidationPredictions } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import { groupCases, predictPreprocessed } from '@voxhelm/ensembler/predict-case';
import { encodeProbabilities } from '@voxhelm/ensembler/probabilities';
import { predictLarge, SLAB_VALUES } from '@voxhelm/ensembler/slabs';
import { TOLERANCE_MM } from '@voxhelm/ensembler/test-cases';
import { diceByClass } from '@voxhelm/imaging/metrics/dice';
import { diceByGroup } from '@voxhelm/imaging/metrics/group-scores';
import { encodeNifti } from '@voxhelm/imaging/nifti';
import { argmaxLabels } from '@voxhelm/imaging/preprocess';
import type { Predictor } from '@voxhelm/nn/window-predictor';
import type { ArtifactStore } from '@voxhelm/storage/artifact-store';
import type { ValidationCase } from '../loader/messages.ts';
import type { ThreadPool } from '../loader/thread-pool.ts';
import { orAborted } from './or-aborted.ts';

/** Dice of one case or the mean of several; null where no foreground class is in prediction or truth. */
export interface DiceScores {
  readonly dice: number | null;
  /** By label value. */
  readonly diceByClass: Record<string, number | null>;
}

/** One validation case as a model segments it, on the image's own grid. */
export interface PredictedCase extends DiceScores {
  readonly caseId: string;
  /** [class][x][y][z], 0..1; of an image that is predicted in slabs in bytes, 0..255. */
  readonly probabilities: Float32Array | Uint8Array;
  /** Label values. */
  readonly labels: Uint8Array | Uint16Array;
}

/** Mean of the values that are defined; null without any. */
export function meanDefined(values: Iterable<number | null>): number | null {
  const defined = [...values].filter((value) => value !== null);
  return defined.length === 0 ? null : defined.reduce((sum, value) => sum + value, 0) / defined.length;
}

/**
 * Predicts cases by sliding window and scores each against its truth, as the final evaluation would. Cases of more than
 * `slabValues` classes x voxels are predicted slab by slab.
 */
export async function predictCases(
  predictor: Predictor,
  cases: readonly ValidationCase[],
  plan: Plan,
  slabValues = SLAB_VALUES,
): Promise<PredictedCase[]> {
  const large = new Map<ValidationCase, PredictedCase>();
  for (const one of cases) {
    const said = await predictLarge({ plan, predictor }, one.image, plan.labels, slabValues);
    if (said !== null) large.set(one, scored(one, said.probabilities, said.labels, plan));
  }
  const small = cases.filter((one) => !large.has(one));
  const images = small.map((one) => one.image);
  const probabilities = await predictPreprocessed(predictor, images, plan, []);
  return cases.map((one) => {
    const own = probabilities[small.indexOf(one)];
    if (own === undefined) return large.get(one) as PredictedCase;
    return scored(one, own, argmaxLabels(own, plan.labels.length, plan.labels), plan);
  });
}

function scored(
  validation: ValidationCase,
  probabilities: PredictedCase['probabilities'],
  labels: PredictedCase['labels'],
  plan: Plan,
): PredictedCase {
  const foreground = plan.labels.map((label) => label.value).filter((value) => value !== 0);
  const { truth } = validation;
  const scores =
    plan.labelGroups === null
      ? diceByClass(labels, truth.data, foreground, plan.ignoreLabel)
      : diceByGroup(labels, truth.data, plan.labelGroups, plan.ignoreLabel);
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

/** Scores a predictor on all validation cases of the fold, in order; in memory are the cases that fill a batch of windows. */
export async function validateAll(
  predictor: Predictor,
  cases: readonly ValidationCase[],
  plan: Plan,
  hooks: { giveUp(): boolean; onCase(): void },
): Promise<DiceScores & { readonly diceByCase: Record<string, number> }> {
  const scores: DiceScores[] = [];
  const diceByCase: Record<string, number> = {};
  for (const group of groupCases(cases, plan, (one) => one.image.shape)) {
    if (hooks.giveUp()) throw new VoxhelmError('cancelled', 'stopped during a validation');
    for (const { caseId, dice, diceByClass: byClass } of await predictCases(predictor, group, plan)) {
      scores.push({ dice, diceByClass: byClass });
      if (dice !== null) diceByCase[caseId] = dice;
      hooks.onCase();
    }
  }
  return { ...meanScores(scores), diceByCase };
}

/** Where predictions go, who scores them in full, and who watches. */
export interface PredictionTarget {
  readonly store: ArtifactStore;
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** Threads that score while the device goes on: distances between surfaces may take as long as a prediction. */
  readonly pool: Pick<ThreadPool, 'ask'>;
  /** Milliseconds since 1970 after which no case is scored beyond its Dice. */
  readonly scoreUntilMs: number;
  onCase(): void;
}

/**
 * Predicts every validation case, scores it as the final evaluation would, and stores probabilities and label map, which
 * the ensemble is chosen on.
 */
export async function storePredictions(
  predictor: Predictor,
  cases: readonly ValidationCase[],
  plan: Plan,
  target: PredictionTarget,
): Promise<ValidationPredictions['cases']> {
  const stored: ValidationPredictions['cases'] = [];
  const scores: Promise<CaseScores | null>[] = [];
  for (const group of groupCases(cases, plan, (one) => one.image.shape)) {
    if (target.signal.aborted) throw new VoxhelmError('cancelled', 'stopped while storing predictions');
    const predictions = await predictCases(predictor, group, plan);
    // Those of the group before: the label maps of two groups are in memory at most.
    await orAborted(target.signal, Promise.all(scores));
    for (const [i, predicted] of predictions.entries()) {
      scores.push(scoreInFull(predicted, (group[i] as ValidationCase).truth, plan, target));
    }
    for (const [i, predicted] of predictions.entries()) {
      stored.push(await storeOne(predicted, (group[i] as ValidationCase).truth, plan, target));
      target.onCase();
    }
  }
  const found = await orAborted(target.signal, Promise.all(scores));
  return stored.map((one, i) => ({ ...one, ...(found[i] == null ? {} : { classes: found[i].classes }) }));
}

function scoreInFull(
  { caseId, labels }: PredictedCase,
  truth: ValidationCase['truth'],
  plan: Plan,
  { pool, scoreUntilMs }: PredictionTarget,
): Promise<CaseScores | null> {
  if (Date.now() >= scoreUntilMs) return Promise.resolve(null);
  const { labels: named, labelGroups, ignoreLabel } = plan;
  const scores = pool.ask({
    type: 'score',
    caseId,
    prediction: { ...truth, data: labels },
    truth,
    plan: { labels: named, labelGroups, ignoreLabel },
    toleranceMm: TOLERANCE_MM,
  });
  scores.catch(() => undefined); // Seen where it is awaited.
  return scores as Promise<CaseScores>;
}

async function storeOne(
  predicted: PredictedCase,
  { shape, affine }: ValidationCase['truth'],
  plan: Plan,
  { store, prefix }: PredictionTarget,
): Promise<ValidationPredictions['cases'][number]> {
  const key = `${prefix}/predictions/${encodeURIComponent(predicted.caseId)}`;
  const probabilities = encodeProbabilities(predicted.probabilities, plan.labels.length, shape);
  return {
    caseId: predicted.caseId,
    dice: predicted.dice,
    diceByClass: predicted.diceByClass,
    probabilities: await store.write(`${key}.probabilities.safetensors`, probabilities),
    labelMap: await store.write(`${key}.nii.gz`, encodeNifti({ shape, affine, data: predicted.labels }, true)),
  };
}
