import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import { RangePlot } from '../charts/range-plot.tsx';
import { FEWEST_CASES, spreadByClass } from './score-spread.ts';

interface PlotsProps {
  readonly labels: readonly LabelDefinition[];
  readonly cases: readonly CaseScores[];
}

/** How Dice and HD95 spread over cases, class by class. */
export function ScorePlots({ labels, cases }: PlotsProps) {
  const dice = spreadByClass(labels, cases, (scores) => scores.dice);
  const distances = spreadByClass(labels, cases, ({ hd95Mm }) => hd95Mm);
  if (dice.length === 0) {
    return <p className="muted">How the scores spread is drawn from {FEWEST_CASES} scored cases of a class on.</p>;
  }
  return (
    <>
      <p className="muted">
        Over {cases.length} cases. The box holds four of five, the bar is the median, the line goes from least to most.
      </p>
      <div className="charts">
        <RangePlot title="Dice by class" unit="" rows={dice} />
        {distances.length > 0 && <RangePlot title="HD95 by class" unit="mm" rows={distances} />}
      </div>
    </>
  );
}
