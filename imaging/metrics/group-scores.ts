import type { LabelGroup } from '@voxhelm/contracts/dataset';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import { type LabelData, type LabelMap, spacingOf } from '../volume.ts';
import { confusionOf, labelledOnly } from './confusion.ts';
import { diceOf, meanOf, type Overlap, overlapsOf } from './dice.ts';
import { classScores, requireSameShape } from './evaluate.ts';
import { surfaceScores } from './surface.ts';

/*
 * Scores of groups of labels that overlap: of the whole, not of what is left of it without the core (as nnU-Net's of regions).
 */

/** Dice of each group, by the value that it writes; null for a group absent from both. `ignoreLabel` as in diceByClass. */
export function diceByGroup(
  prediction: LabelData,
  truth: LabelData,
  groups: readonly LabelGroup[],
  ignoreLabel: number | null = null,
): Map<number, number | null> {
  const overlaps = overlapsOf(labelledOnly(confusionOf(prediction, truth), ignoreLabel), valuesOf(groups));
  return new Map(groups.map(({ writes }, index) => [writes, diceOf(overlaps[index] as Overlap)]));
}

/** As evaluateCase, of each group, by the value that it writes. */
export function evaluateGroups(
  caseId: string,
  prediction: LabelMap,
  truth: LabelMap,
  groups: readonly LabelGroup[],
  toleranceMm: number,
): CaseScores {
  requireSameShape(caseId, prediction, truth);
  const overlaps = overlapsOf(confusionOf(prediction.data, truth.data), valuesOf(groups));
  const spacingMm = spacingOf(truth.affine);
  const scores = groups.map(({ values, writes }, index) => {
    const [own, theirs] = [maskOf(prediction.data, values), maskOf(truth.data, values)];
    const surface = surfaceScores(own, theirs, 1, truth.shape, spacingMm, toleranceMm);
    return [writes, classScores(overlaps[index] as Overlap, surface)] as const;
  });
  return { case: caseId, classes: Object.fromEntries(scores), dice: meanOf(scores.map(([, { dice }]) => dice)) };
}

function valuesOf(groups: readonly LabelGroup[]): (readonly number[])[] {
  return groups.map(({ values }) => values);
}

/** 1 wherever a voxel's label is one of `values`, 0 elsewhere. */
function maskOf(data: LabelData, values: readonly number[]): Uint8Array {
  const isOne = new Uint8Array(Math.max(...values) + 1);
  for (const value of values) isOne[value] = 1;
  const mask = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) mask[i] = isOne[data[i] as number] ?? 0;
  return mask;
}
