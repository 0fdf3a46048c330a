import { bootstrapInterval } from '@voxhelm/contracts/bootstrap';
import type { CaseScores } from '@voxhelm/contracts/evaluation';
import type { PairedComparison, ScheduleSettings } from '@voxhelm/contracts/schedule';
import { signedRankP } from '@voxhelm/search/signed-rank';

/** A model with its scores of the comparison cases. */
export interface ScoredModel {
  readonly runId: string;
  readonly scores: readonly CaseScores[];
}

/** Fewer pairs can never reach a p-value of 5 %: all five wins of five give 1/32. */
export const LEAST_PAIRS = 5;

/**
 * Compares two models case by case: the challenger is better where Wilcoxon's signed-rank test says so (one-sided, over the
 * cases that both scored) and no class loses more mean Dice than the margin.
 */
export function compareModels(
  champion: ScoredModel,
  challenger: ScoredModel,
  rule: ScheduleSettings['promotion'],
): PairedComparison {
  const theirs = new Map(challenger.scores.map((scores) => [scores.case, scores]));
  const pairs = champion.scores.flatMap((a) => {
    const b = theirs.get(a.case);
    return b === undefined ? [] : [{ a, b }];
  });
  const differences = pairs.flatMap(({ a, b }) => (a.dice === null || b.dice === null ? [] : [b.dice - a.dice]));
  const pValue = signedRankP(differences);
  const classes = classMeans(pairs);
  const verdict = decide(differences, pValue, classes, rule);
  return {
    championRunId: champion.runId,
    challengerRunId: challenger.runId,
    cases: pairs.map(({ a, b }) => ({ caseId: a.case, champion: a.dice, challenger: b.dice })),
    pValue,
    meanDifference: mean(differences) ?? 0,
    interval: bootstrapInterval(differences) ?? [0, 0],
    classes,
    ...verdict,
  };
}

function decide(
  differences: readonly number[],
  pValue: number,
  classes: PairedComparison['classes'],
  { significance, classMargin }: ScheduleSettings['promotion'],
): { better: boolean; reason: string } {
  const difference = mean(differences) ?? 0;
  const numbers = `mean Dice ${signed(difference)} over ${differences.length} cases, signed-rank p = ${pValue.toFixed(4)}`;
  if (differences.length < LEAST_PAIRS) {
    return {
      better: false,
      reason: `Kept the champion: ${differences.length} comparison cases are too few for the test (${LEAST_PAIRS} at least).`,
    };
  }
  if (pValue > significance || difference <= 0) {
    return {
      better: false,
      reason: `Kept the champion: the challenger is not better (${numbers}; needed p ≤ ${significance}).`,
    };
  }
  const worse = classes.filter(({ champion: a, challenger: b }) => a !== null && b !== null && b < a - classMargin);
  const [first] = worse;
  if (first !== undefined) {
    const loss = signed((first.challenger ?? 0) - (first.champion ?? 0));
    return {
      better: false,
      reason: `Kept the champion: label ${first.value} loses ${loss} mean Dice, more than ${classMargin} (${numbers}).`,
    };
  }
  return { better: true, reason: `Promoted: the challenger is better (${numbers}; needed p ≤ ${significance}).` };
}

function classMeans(pairs: readonly { readonly a: CaseScores; readonly b: CaseScores }[]): PairedComparison['classes'] {
  const values = [...new Set(pairs.flatMap(({ a, b }) => [...Object.keys(a.classes), ...Object.keys(b.classes)]))];
  const of = (scores: CaseScores, value: string): number | null => scores.classes[value]?.dice ?? null;
  return values
    .sort((x, y) => Number(x) - Number(y))
    .map((value) => {
      // Over the cases where both have the class: a mean over other cases would compare cases, not models.
      const both = pairs.filter(({ a, b }) => of(a, value) !== null && of(b, value) !== null);
      return {
        value,
        champion: mean(both.map(({ a }) => of(a, value) as number)),
        challenger: mean(both.map(({ b }) => of(b, value) as number)),
      };
    });
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(4)}`;
}
