import { METRIC_NAMES, METRICS, type Metric } from '@voxhelm/contracts/metrics';
import type { ChosenEvaluation } from '@voxhelm/imaging/metrics/evaluate-folders';
import type { CountedMean, MeanCounts } from '@voxhelm/imaging/metrics/mean-counts';
import { diceText, distanceText, table } from './format.ts';

/** How a metric is headed and its values are written. */
const COLUMNS: Readonly<Record<Metric, { readonly name: string; readonly text: typeof diceText }>> = {
  dice: { name: 'Dice', text: diceText },
  iou: { name: 'IoU', text: diceText },
  hd: { name: 'HD', text: distanceText },
  hd95: { name: 'HD95', text: distanceText },
  assd: { name: 'ASSD', text: distanceText },
  'surface-dice': { name: 'surface Dice', text: diceText },
};

/**
 * Prints the scores that were computed: one row a case and class, then the means (with the number of scores that they are
 * over, where some are not defined) and the worst case; which predictions were turned, and what was not computed.
 */
export function printEvaluation({ metrics, toleranceMm, cases, mean, worst, turned = [] }: ChosenEvaluation): void {
  const heads = metrics.map((metric) =>
    metric === 'surface-dice' ? `${COLUMNS[metric].name} ${toleranceMm} mm` : COLUMNS[metric].name,
  );
  const cells = (scores: CountedMean): string[] =>
    metrics.map((metric) => {
      const field = METRICS[metric];
      const count = scores.over?.[field];
      return `${COLUMNS[metric].text(scores[field])}${count === undefined ? '' : `, ${count} of ${scores.over?.of}`}`;
    });
  const rows = cases.flatMap((one) =>
    Object.entries(one.classes).map(([label, scores]) => [one.case, label, ...cells(scores)]),
  );
  rows.push(['mean', 'all', ...cells(mean)]);
  process.stdout.write(`${table(['case', 'class', ...heads], rows)}\n`);
  if (worst !== undefined && worst !== null)
    process.stdout.write(`worst case: ${worst.case}, Dice ${diceText(worst.dice)}\n`);
  if (mean.over !== undefined) process.stdout.write(`${withoutDistanceText(metrics, mean.over)}\n`);
  if (turned.length > 0) process.stdout.write(`${turnedText(turned)}\n`);
  const left = METRIC_NAMES.filter((name) => !metrics.includes(name)).map((name) => COLUMNS[name].name);
  if (left.length > 0) process.stdout.write(`not computed: ${left.join(', ')}\n`);
}

/** Why a mean is over fewer scores than there are classes of cases. */
function withoutDistanceText(metrics: readonly Metric[], over: MeanCounts): string {
  const short = metrics.filter((metric) => over[METRICS[metric]] !== undefined);
  const names = short.map((metric) => COLUMNS[metric].name).join(', ');
  return `${names}: a class that prediction or label lacks altogether has no distance and is not in the mean (its Dice is 0)`;
}

/** Cases named in a sentence; the JSON has all. */
const NAMED_CASES = 5;

function turnedText(cases: readonly string[]): string {
  const left = cases.length - NAMED_CASES;
  const named = cases.slice(0, NAMED_CASES).join(', ');
  return `turned to the label's axes, which run in another order or direction: ${named}${left > 0 ? ` and ${left} more` : ''}`;
}
