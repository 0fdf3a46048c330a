import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { CaseScores, ClassScores, Evaluation } from '@voxhelm/contracts/evaluation';
import { readLabel } from '../nifti.ts';
import type { LabelMap, Vec3 } from '../volume.ts';
import { spacingOf } from '../volume.ts';
import type { Overlap } from './dice.ts';
import { countOverlap, diceOf, iouOf, meanOf } from './dice.ts';
import { type PairingOptions, pairFiles, requireSameGrid } from './pair-files.ts';
import { labelBoxes, surfaceScores } from './surface.ts';

const SCORES = ['dice', 'iou', 'hdMm', 'hd95Mm', 'assdMm', 'surfaceDice'] as const;
const NOTHING: ClassScores = { dice: null, iou: null, hdMm: null, hd95Mm: null, assdMm: null, surfaceDice: null };

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
  if (prediction.shape.some((size, axis) => size !== truth.shape[axis])) {
    throw new VoxhelmError(
      'invalid-request',
      `case ${caseId}: the prediction is ${prediction.shape.join('x')}, its label ${truth.shape.join('x')} voxels`,
      { fix: "Bring the prediction to the label's grid.", details: { case: caseId } },
    );
  }
  const overlaps = countOverlap(prediction.data, truth.data, labelValues);
  const boxes = labelBoxes(prediction.data, truth.data, labelValues, truth.shape);
  const classes: Record<string, ClassScores> = {};
  for (const [index, value] of labelValues.entries()) {
    const overlap = overlaps[index] as Overlap;
    const surface = surfaceScores(prediction.data, truth.data, value, truth.shape, spacingMm, toleranceMm, boxes);
    classes[value] = {
      dice: diceOf(overlap),
      iou: iouOf(overlap),
      hdMm: surface.hdMm,
      hd95Mm: surface.hd95Mm,
      assdMm: surface.assdMm,
      surfaceDice: surface.surfaceDice,
      volumeError: overlap.truth === 0 ? null : overlap.prediction / overlap.truth - 1,
    };
  }
  return { case: caseId, classes, dice: meanOf(Object.values(classes).map((scores) => scores.dice)) };
}

/**
 * Means over cases. A case's score is the mean over its classes that have one; a set's the mean over its cases that
 * have one; `worst` is the case of the lowest Dice (the first of equals).
 */
export function summarize(cases: readonly CaseScores[], toleranceMm: number): Evaluation {
  const values = [...new Set(cases.flatMap((scores) => Object.keys(scores.classes)))].sort(
    (a, b) => Number(a) - Number(b),
  );
  const meanOverCases = (ofCase: (scores: CaseScores) => Iterable<number | null>): number | null =>
    meanOf(cases.map((scores) => meanOf(ofCase(scores))));
  const means = (ofCase: (scores: CaseScores) => readonly ClassScores[]): ClassScores => {
    const mean = (name: (typeof SCORES)[number]): number | null =>
      meanOverCases((scores) => ofCase(scores).map((ofClass) => ofClass[name]));
    return {
      dice: mean('dice'),
      iou: mean('iou'),
      hdMm: mean('hdMm'),
      hd95Mm: mean('hd95Mm'),
      assdMm: mean('assdMm'),
      surfaceDice: mean('surfaceDice'),
    };
  };
  let worst: Evaluation['worst'] = null;
  for (const scores of cases) {
    if (scores.dice === null) continue;
    if (worst === null || scores.dice < worst.dice) worst = { case: scores.case, dice: scores.dice };
  }
  return {
    toleranceMm,
    cases: [...cases],
    mean: {
      ...means((scores) => Object.values(scores.classes)),
      classes: Object.fromEntries(
        values.map((value) => [
          value,
          means((scores) => {
            const ofClass = scores.classes[value];
            return ofClass === undefined ? [] : [ofClass];
          }),
        ]),
      ),
    },
    worst,
  };
}

/**
 * Scores every prediction of a folder against the label of the same name (`.nii` and `.nii.gz` are one name). The
 * classes are all values but 0 found in any file. Throws `invalid-request` naming every file without a partner, or the
 * files whose shape or affine differ, `bad-image` for one that is no label map.
 */
export async function evaluateFolders(
  predictionFolder: string,
  labelFolder: string,
  toleranceMm: number,
  options: PairingOptions = {},
): Promise<Evaluation> {
  const pairs = await pairFiles(predictionFolder, labelFolder, options);
  const cases: CaseScores[] = [];
  for (const { caseId, prediction, label } of pairs) {
    const predicted = await readLabel(prediction);
    const truth = await readLabel(label);
    requireSameGrid(predicted, truth, prediction, label);
    cases.push(evaluateCase(caseId, predicted, truth, valuesOf(predicted, truth), toleranceMm));
  }
  // A class that only other cases have is reported as absent, so that all cases have the same columns.
  const values = [...new Set(cases.flatMap((scores) => Object.keys(scores.classes)))];
  const complete = cases.map((scores) => ({
    ...scores,
    classes: Object.fromEntries(values.map((value) => [value, scores.classes[value] ?? NOTHING])),
  }));
  return summarize(complete, toleranceMm);
}

/** All label values but background in either map, ascending. */
function valuesOf(...maps: readonly LabelMap[]): number[] {
  const values = new Set<number>();
  for (const { data } of maps) {
    let previous = 0;
    for (let i = 0; i < data.length; i++) {
      const value = data[i] as number;
      if (value === previous) continue;
      previous = value;
      values.add(value);
    }
  }
  values.delete(0);
  return [...values].sort((a, b) => a - b);
}
