import type { Evaluation } from '@voxhelm/contracts/evaluation';
import { diceText, distanceText, table } from './format.ts';

/** Prints scores: one row a case and class, then the means and the worst case. */
export function printEvaluation(evaluation: Evaluation): void {
  const rows = evaluation.cases.flatMap((one) =>
    Object.entries(one.classes).map(([label, scores]) => [
      one.case,
      label,
      diceText(scores.dice),
      diceText(scores.iou),
      distanceText(scores.hdMm),
      distanceText(scores.hd95Mm),
      distanceText(scores.assdMm),
      diceText(scores.surfaceDice),
    ]),
  );
  const { mean } = evaluation;
  rows.push([
    'mean',
    'all',
    diceText(mean.dice),
    diceText(mean.iou),
    distanceText(mean.hdMm),
    distanceText(mean.hd95Mm),
    distanceText(mean.assdMm),
    diceText(mean.surfaceDice),
  ]);
  process.stdout.write(
    `${table(['case', 'class', 'Dice', 'IoU', 'HD', 'HD95', 'ASSD', `surface Dice ${evaluation.toleranceMm} mm`], rows)}\n`,
  );
  if (evaluation.worst !== null)
    process.stdout.write(`worst case: ${evaluation.worst.case}, Dice ${diceText(evaluation.worst.dice)}\n`);
}
