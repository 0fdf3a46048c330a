import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { CaseScores, ClassScores } from '@voxhelm/contracts/evaluation';
import type { Column } from '../components/columns.ts';
import { dice, number, percent } from '../format.ts';

/** Classes whose own columns are shown unasked; a table of more is read by its means first. */
const CLASSES_SHOWN = 2;

/** Why a class of a case has no HD95, in as many words as fit a cell. */
export type Missing = 'not predicted' | 'not in the truth' | 'in neither' | 'in one alone' | 'not measured';

/** The same in a sentence's words. */
export const MISSING_IN_WORDS: Readonly<Record<Missing, string>> = {
  'not predicted': 'the prediction has no voxel of this class',
  'not in the truth': 'the truth has no voxel of this class, the prediction has',
  'in neither': 'neither truth nor prediction has a voxel of this class, so it does not count',
  'in one alone': 'only one of truth and prediction has voxels of this class',
  'not measured': 'it was not measured when this case was scored',
};

/** Why a class has no HD95: a distance needs a surface in truth and prediction. null where it has one, or was not scored. */
export function whyNoDistance(scores: ClassScores | undefined): Missing | null {
  if (scores === undefined || scores.hd95Mm !== null) return null;
  if (scores.dice === null) return 'in neither';
  if (scores.dice > 0) return 'not measured';
  if (scores.volumeError === undefined) return 'in one alone';
  return scores.volumeError === null ? 'not in the truth' : 'not predicted';
}

/** Columns of a table of cases: Dice, HD95 and volume error, over the classes and of each class (without background). */
export function scoreColumns<Row>(
  labels: readonly LabelDefinition[],
  scoresOf: (row: Row) => CaseScores | undefined,
  rows: readonly Row[] = [],
): Column<Row>[] {
  const foreground = labels.filter(({ value }) => value !== 0);
  const extra = foreground.length > CLASSES_SHOWN;
  const column = (
    id: string,
    title: string,
    value: (scores: CaseScores) => number | null | undefined,
    text: (value: number | null, scores: CaseScores | undefined) => string,
  ): Column<Row> => {
    const ofRow = (row: Row): number | null => {
      const scores = scoresOf(row);
      return (scores === undefined ? null : value(scores)) ?? null;
    };
    return { id, title, value: ofRow, numeric: true, cell: (row) => text(ofRow(row), scoresOf(row)) };
  };
  const why = (row: Row): string | null => whyMissing(labels, scoresOf(row));
  return [
    column('dice', 'Dice', (scores) => scores.dice, dice),
    column('hd95', 'HD95 mm', meanHd95, (value, scores) => (value === null ? reasonsOf(scores) : number(value))),
    {
      ...column(
        'volume',
        'Volume error, absolute',
        (scores) => meanOf(scores, ({ volumeError }) => (volumeError == null ? null : Math.abs(volumeError))),
        (value) => percent(value).replace('+', ''),
      ),
      unit: 'of the true volume',
    },
    // Where a number is missing it is said why, here and in the CSV.
    ...(rows.some((row) => why(row) !== null)
      ? [{ id: 'missing', title: 'Why HD95 is missing', value: why } satisfies Column<Row>]
      : []),
    ...foreground
      .flatMap(({ value, name }) => [
        column(
          `dice.${value}`,
          `Dice ${name}`,
          ({ classes }) => classes[value]?.dice,
          (score, scores) => (score === null ? shortReason(scores, value) : dice(score)),
        ),
        column(
          `hd95.${value}`,
          `HD95 ${name} mm`,
          ({ classes }) => classes[value]?.hd95Mm,
          (distance, scores) => (distance === null ? shortReason(scores, value) : number(distance)),
        ),
        {
          ...column(`volume.${value}`, `Volume error ${name}`, ({ classes }) => classes[value]?.volumeError, percent),
          unit: 'of the true volume',
        },
      ])
      .map((each) => (extra ? { ...each, extra } : each)),
  ];
}

/** Mean HD95 over the classes that have one, mm; null where none has. */
export function meanHd95(scores: CaseScores): number | null {
  return meanOf(scores, ({ hd95Mm }) => hd95Mm);
}

/** Which classes of a case have no HD95 and why, by name; null where none lacks one. */
export function whyMissing(labels: readonly LabelDefinition[], scores: CaseScores | undefined): string | null {
  const reasons = labels.flatMap(({ value, name }) => {
    const reason = whyNoDistance(scores?.classes[value]);
    return reason === null ? [] : [`${name}: ${reason}`];
  });
  return reasons.length === 0 ? null : reasons.join('; ');
}

function shortReason(scores: CaseScores | undefined, value: number): string {
  const reason = whyNoDistance(scores?.classes[value]);
  return reason === null || reason === 'not measured' ? '–' : reason;
}

function reasonsOf(scores: CaseScores | undefined): string {
  const reasons = Object.values(scores?.classes ?? {}).flatMap((each) => whyNoDistance(each) ?? []);
  const told = [...new Set(reasons)].filter((reason) => reason !== 'not measured');
  return told.length === 0 ? '–' : told.join(', ');
}

/** Mean over the classes that have a value; null where none has. */
function meanOf({ classes }: CaseScores, value: (scores: ClassScores) => number | null): number | null {
  const found = Object.values(classes).flatMap((scores) => value(scores) ?? []);
  return found.length === 0 ? null : found.reduce((sum, each) => sum + each, 0) / found.length;
}
