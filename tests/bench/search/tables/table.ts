import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationAt, configurationKey, gridConfigurations } from './grid.ts';

/* The table of real trainings as something to search in. */

/** The table that the repository holds. */
export const TABLE_FILE = fileURLToPath(new URL('./hippocampus.json', import.meta.url));

/** One training of the table. */
export interface TableRow {
  /** Mean validation Dice at even distances, the last at the training's end. */
  readonly dice: readonly number[];
  readonly seconds: number;
  readonly outcome: string;
}

/** What the file holds: `rows` by the configuration's name (grid.ts). */
export interface StoredTable {
  readonly about: string;
  readonly rows: Record<string, TableRow>;
}

let known: StoredTable['rows'] | undefined;

/** The table's rows; throws where a configuration of the grid is missing. */
function tableRows(): StoredTable['rows'] {
  known ??= (JSON.parse(readFileSync(TABLE_FILE, 'utf8')) as StoredTable).rows;
  const rows = known;
  const missing = gridConfigurations().filter((one) => rows[configurationKey(one)] === undefined);
  if (missing.length > 0)
    throw new Error(`the table lacks ${missing.length} trainings: npm run bench -- search-tables`);
  return rows;
}

/** The losses (1 - Dice) of the training at a point of the table's space, in order; one that diverged has none after that. */
export function tableLosses(point: Record<string, unknown>): readonly number[] {
  const row = tableRows()[configurationKey(configurationAt(point))];
  if (row === undefined) throw new Error(`the table has no ${configurationKey(configurationAt(point))}`);
  return row.dice.map((dice) => 1 - dice);
}

/** The loss of a whole training: its best checkpoint counts. NaN where it diverged. */
export function tableLoss(point: Record<string, unknown>): number {
  const row = tableRows()[configurationKey(configurationAt(point))];
  return row?.outcome === 'diverged' ? Number.NaN : Math.min(...tableLosses(point));
}

/** The lowest loss of the table. */
export function tableOptimum(): number {
  return 1 - Math.max(...Object.values(tableRows()).flatMap(({ dice }) => dice));
}
