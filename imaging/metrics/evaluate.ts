import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { CaseScores, ClassScores, Evaluation } from '@voxhelm/contracts/evaluation';
import { METRICS, type ScoreField } from '@voxhelm/contracts/metrics';
import type { LabelMap, Vec3 } from '../volume.ts';
import { spacingOf } from '../volume.ts';
import { confusionOf } from './confusion.ts';
import { diceOf, iouOf, meanOf, type Overlap, overlapsOf, volumeErrorOf } from './dice.ts';
import { labelBoxes, type SurfaceScores, surfaceScores } from './surface.ts';

/**
 * Scores one case on the image's own grid. A class absent from prediction and truth gets null everywhere and does not
 * count; one found in only one of them gets Dice, IoU and surface Dice 0 and no distances. Distances are in mm by the
 * truth's affine, or by `spacingMm` where given. Throws `invalid-request` where the shapes differ.
 */
export function evaluateCase(
  caseId: string,
  prediction: LabelMap,
  truth: LabelMap,
  labelValues: readonly number[],
  toleranceMm: number,
  spacingMm: Vec3 = spacingOf(truth.affine),
): CaseScores {
  requireSameShape(caseId, prediction, truth);
  const overlaps = overlapsOf(
    confusionOf(prediction.data, truth.data),
    labelValues.map((value) => [value]),
  );
  const boxes = labelBoxes(prediction.data, truth.data, labelValues, truth.shape);
  const classes: Record<string, ClassScores> = {};
  for (const [index, value] of labelValues.entries()) {
    const surface = surfaceScores(prediction.data, truth.data, value, truth.shape, spacingMm, toleranceMm, boxes);
    classes[value] = classScores(overlaps[index] as Overlap, surface);
  }
  return { case: caseId, classes, dice: meanOf(Object.values(classes).map((scores) => scores.dice)) };
}

/** What overlap and surfaces of one class come to. */
export function classScores(overlap: Overlap, surface: SurfaceScores): ClassScores {
  const { hdMm, hd95Mm, assdMm, surfaceDice } = surface;
  const volumeError = volumeErrorOf(overlap);
  return { dice: diceOf(overlap), iou: iouOf(overlap), hdMm, hd95Mm, assdMm, surfaceDice, volumeError };
}

/** Throws `invalid-request` where a prediction has another shape than its label. */
export function requireSameShape(caseId: string, prediction: LabelMap, truth: LabelMap): void {
  if (prediction.shape.every((size, axis) => size === truth.shape[axis])) return;
  throw new VoxhelmError(
    'invalid-request',
    `case ${caseId}: the prediction is ${prediction.shape.join('x')}, its label ${truth.shape.join('x')} voxels`,
    { fix: "Bring the prediction to the label's grid.", details: { case: caseId } },
  );
}

/**
 * Means over cases. A case's score is the mean over its classes that have one; a set's the mean over its cases that
 * have one; `worst` is the case of the lowest Dice (the first of equals).
 */
export function summarize(cases: readonly CaseScores[], toleranceMm: number): Evaluation {
  return {
    toleranceMm,
    cases: [...cases],
    mean: meansOf(cases, Object.values(METRICS)),
    worst: worstOf(cases),
  };
}

/** Cases by class, with what is to be averaged; a class that a case does not have does not count. */
interface Averaged<Field extends ScoreField> {
  readonly classes: Readonly<Record<string, { readonly [Name in Field]: number | null }>>;
}

/** The means of some fields over cases and classes, and by class (ascending values). */
export function meansOf<Field extends ScoreField>(
  cases: readonly Averaged<Field>[],
  fields: readonly Field[],
): Record<Field, number | null> & { classes: Record<string, Record<Field, number | null>> } {
  const values = [...new Set(cases.flatMap(({ classes }) => Object.keys(classes)))].sort(
    (a, b) => Number(a) - Number(b),
  );
  const means = (valuesOf: (one: Averaged<Field>) => readonly string[]): Record<Field, number | null> =>
    byField(fields, (field) =>
      meanOf(cases.map((one) => meanOf(valuesOf(one).map((value) => one.classes[value]?.[field] ?? null)))),
    );
  return {
    ...means(({ classes }) => Object.keys(classes)),
    classes: Object.fromEntries(values.map((value) => [value, means(() => [value])])),
  };
}

/** A value for each field. */
export function byField<Field extends ScoreField>(
  fields: readonly Field[],
  valueOf: (field: Field) => number | null,
): Record<Field, number | null> {
  return Object.fromEntries(fields.map((field) => [field, valueOf(field)])) as Record<Field, number | null>;
}

/** The case of the lowest Dice, the first of equals; null where none has one. */
export function worstOf(cases: readonly Pick<CaseScores, 'case' | 'dice'>[]): Evaluation['worst'] {
  let worst: Evaluation['worst'] = null;
  for (const scores of cases) {
    if (scores.dice === null) continue;
    if (worst === null || scores.dice < worst.dice) worst = { case: scores.case, dice: scores.dice };
  }
  return worst;
}
