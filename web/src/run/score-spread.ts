import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { CaseScores, ClassScores } from '@voxhelm/contracts/evaluation';
import type { Range } from '../charts/range-plot.tsx';

/** Fewer cases have no spread worth a drawing: the table has them all. */
export const FEWEST_CASES = 3;

/** A score's spread over cases, class by class: only classes that enough cases have. */
export function spreadByClass(
  labels: readonly LabelDefinition[],
  cases: readonly CaseScores[],
  value: (scores: ClassScores) => number | null,
): Range[] {
  return labels
    .filter((label) => label.value !== 0)
    .flatMap((label) => {
      const values = cases.flatMap(({ classes }) => {
        const scores = classes[label.value];
        return (scores === undefined ? null : value(scores)) ?? [];
      });
      return values.length < FEWEST_CASES ? [] : [{ name: label.name, ...spreadOf(values) }];
    });
}

/** Least, tenth, half, nine tenths and most of values (at least one), by linear interpolation between neighbours. */
export function spreadOf(values: readonly number[]): Omit<Range, 'name'> {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => {
    const place = share * (sorted.length - 1);
    const below = sorted[Math.floor(place)] as number;
    const above = sorted[Math.ceil(place)] as number;
    return below + (above - below) * (place - Math.floor(place));
  };
  return { min: at(0), low: at(0.1), middle: at(0.5), high: at(0.9), max: at(1) };
}
