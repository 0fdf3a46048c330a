import type { LabelGroup } from '@voxhelm/contracts/dataset';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import type { LabelData, LabelMap } from '../volume.ts';
import { diceByClass, meanOf } from './dice.ts';
import { evaluateCase } from './evaluate.ts';

/*
 * Scores of groups of labels that overlap: of the whole, not of what is left of it without the core (as nnU-Net's of regions).
 */

/** The value that a group writes wherever a voxel's label is of the group, 0 elsewhere. */
function ofGroup(data: LabelData, { values, writes }: LabelGroup): LabelData {
  const result = data.slice().fill(0);
  for (let i = 0; i < data.length; i++) if (values.includes(data[i] as number)) result[i] = writes;
  return result;
}

/** Dice of each group, by the value that it writes; null for a group absent from both. */
export function diceByGroup(
  prediction: LabelData,
  truth: LabelData,
  groups: readonly LabelGroup[],
): Map<number, number | null> {
  return new Map(
    groups.flatMap((group) => [...diceByClass(ofGroup(prediction, group), ofGroup(truth, group), [group.writes])]),
  );
}

/** {@link evaluateCase} of each group, by the value that it writes. */
export function evaluateGroups(
  caseId: string,
  prediction: LabelMap,
  truth: LabelMap,
  groups: readonly LabelGroup[],
  toleranceMm: number,
): CaseScores {
  const scores = groups.map((group) => {
    const [own, theirs] = [prediction, truth].map((map) => ({ ...map, data: ofGroup(map.data, group) }));
    return evaluateCase(caseId, own as LabelMap, theirs as LabelMap, [group.writes], toleranceMm);
  });
  const classes = Object.assign({}, ...scores.map((one) => one.classes)) as CaseScores['classes'];
  return { case: caseId, classes, dice: meanOf(scores.map((one) => one.dice)) };
}
