import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { CaseScores, ClassScores } from '@voxhelm/contracts/evaluation';
import type { Column } from '../components/data-table.tsx';
import { dice, number, percent } from '../format.ts';

/** Classes whose own columns are shown unasked; a table of more is read by its means first. */
const CLASSES_SHOWN = 2;

/** Columns of a table of cases: Dice, HD95 and volume error, over the classes and of each class (without background). */
export function scoreColumns<Row>(
  labels: readonly LabelDefinition[],
  scoresOf: (row: Row) => CaseScores | undefined,
): Column<Row>[] {
  const foreground = labels.filter(({ value }) => value !== 0);
  const extra = foreground.length > CLASSES_SHOWN;
  const column = (
    id: string,
    title: string,
    value: (scores: CaseScores) => number | null | undefined,
    text: (value: number | null) => string,
  ): Column<Row> => {
    const ofRow = (row: Row): number | null => {
      const scores = scoresOf(row);
      return (scores === undefined ? null : value(scores)) ?? null;
    };
    return { id, title, value: ofRow, numeric: true, cell: (row) => text(ofRow(row)) };
  };
  return [
    column('dice', 'Dice', (scores) => scores.dice, dice),
    column('hd95', 'HD95 mm', (scores) => meanOf(scores, ({ hd95Mm }) => hd95Mm), number),
    column(
      'volume',
      'Volume error, absolute',
      (scores) => meanOf(scores, ({ volumeError }) => (volumeError == null ? null : Math.abs(volumeError))),
      (value) => percent(value).replace('+', ''),
    ),
    ...foreground
      .flatMap(({ value, name }) => [
        column(`dice.${value}`, `Dice ${name}`, ({ classes }) => classes[value]?.dice, dice),
        column(`hd95.${value}`, `HD95 ${name} mm`, ({ classes }) => classes[value]?.hd95Mm, number),
        column(`volume.${value}`, `Volume error ${name}`, ({ classes }) => classes[value]?.volumeError, percent),
      ])
      .map((each) => (extra ? { ...each, extra } : each)),
  ];
}

/** Mean over the classes that have a value; null where none has. */
function meanOf({ classes }: CaseScores, value: (scores: ClassScores) => number | null): number | null {
  const found = Object.values(classes).flatMap((scores) => value(scores) ?? []);
  return found.length === 0 ? null : found.reduce((sum, each) => sum + each, 0) / found.length;
}
