import type { ClassScores } from '@voxhelm/contracts/evaluation';
import type { ScoreField } from '@voxhelm/contracts/metrics';

/*
 * Over how many scores a mean is. A class that prediction or truth lacks altogether has Dice 0 and no distance, so that a
 * model which misses it has the better mean distance: a mean says what it leaves out.
 */

/** How many of the classes of cases (those that either map holds) have a value in each field that some lack. */
export type MeanCounts = { readonly of: number } & Partial<Readonly<Record<ScoreField, number>>>;

/** Scores of one class, as far as they were asked for. null: not defined, as in ClassScores. */
export type ChosenScores = Partial<ClassScores>;

/** A mean, and over how many scores it is; absent where it is over all. */
export type CountedMean = ChosenScores & { readonly over?: MeanCounts };

/** A case's scores of the classes that either of its maps holds. */
interface CaseClasses {
  readonly classes: Readonly<Record<string, ChosenScores>>;
}

/** The means of meansOf, each with its counts where they differ. */
export function withCounts(
  { classes, ...whole }: ChosenScores & CaseClasses,
  cases: readonly CaseClasses[],
  fields: readonly ScoreField[],
): CountedMean & { readonly classes: Readonly<Record<string, CountedMean>> } {
  const scoresOf = (value: string): ChosenScores[] => cases.flatMap((one) => one.classes[value] ?? []);
  const counted = (mean: ChosenScores, scores: readonly ChosenScores[]): CountedMean => {
    const over = countsOf(scores, fields);
    return over === null ? mean : { ...mean, over };
  };
  const byClass = Object.entries(classes).map(([value, mean]) => [value, counted(mean, scoresOf(value))] as const);
  return {
    ...counted(
      whole,
      cases.flatMap((one) => Object.values(one.classes)),
    ),
    classes: Object.fromEntries(byClass),
  };
}

function countsOf(scores: readonly ChosenScores[], fields: readonly ScoreField[]): MeanCounts | null {
  const short = fields
    .map((field) => [field, scores.filter((one) => (one[field] ?? null) !== null).length] as const)
    .filter(([, count]) => count < scores.length);
  return short.length === 0 ? null : { of: scores.length, ...Object.fromEntries(short) };
}
