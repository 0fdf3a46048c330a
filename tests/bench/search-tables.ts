import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CaseFiles } from '@voxhelm/gpu-trainer/loader/messages';
import { countOf } from './lib/arguments.ts';
import { say } from './lib/json-lines.ts';
import { type BenchOptions, readOptions } from './lib/options.ts';
import { configurationKey, gridConfigurations } from './search/tables/grid.ts';
import { type StoredTable, TABLE_FILE } from './search/tables/table.ts';
import { loadTableCases, STEPS, trainConfiguration, VALIDATE_EVERY } from './search/tables/train.ts';

/*
 * Trains the configurations of the table that are
 * not in the file yet and writes it after each ten. `bench -- search --functions tables` searches in it.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));
const VALIDATION_CASES = 4;
const SAVE_EVERY = 10;

const TABLE_ABOUT = `Real trainings of Voxhelm's own networks on samples/hippocampus: ${STEPS} steps of one 24^3 patch at 1.5 mm, validated on ${VALIDATION_CASES} cases; mean Dice after each ${VALIDATE_EVERY} steps; seconds by the clock on two CPU cores that other programs used too (compare them with care). Made by: npm run bench -- search-tables`;

/** For `--help`. */
export const ABOUT =
  'Trains the configurations of the table of real trainings that are not in it yet: a JSON line a training.';

/** See {@link BenchOptions}. */
export const OPTIONS = {
  out: { value: 'FILE', about: 'the table', default: TABLE_FILE },
  most: { value: 'N', about: 'trainings at most', default: '1000' },
  minutes: { value: 'N', about: 'time at most', default: '20' },
} as const satisfies BenchOptions;

/** See the head of this file. */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const until = performance.now() + countOf('minutes', values.minutes) * 60_000;
  const table = await storedTable(values.out);
  const missing = gridConfigurations().filter((one) => table.rows[configurationKey(one)] === undefined);
  const files = await sampleCases();
  const cases = await loadTableCases(files.slice(VALIDATION_CASES), files.slice(0, VALIDATION_CASES));
  let done = 0;
  for (const configuration of missing.slice(0, countOf('most', values.most))) {
    if (performance.now() > until) break;
    const key = configurationKey(configuration);
    const row = await trainConfiguration(configuration, cases);
    table.rows[key] = row;
    done += 1;
    say({ configuration: key, last: row.dice.at(-1) ?? null, seconds: row.seconds, outcome: row.outcome });
    if (done % SAVE_EVERY === 0) await save(values.out, table);
  }
  await save(values.out, table);
  say({ name: 'search-tables', trained: done, missing: missing.length - done });
}

async function storedTable(file: string): Promise<StoredTable> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  return text === null ? { about: TABLE_ABOUT, rows: {} } : (JSON.parse(text) as StoredTable);
}

/** A row a line: a table is read in a diff too. */
async function save(file: string, { rows }: StoredTable): Promise<void> {
  const lines = Object.entries(rows).map(([key, row]) => `    ${JSON.stringify(key)}: ${JSON.stringify(row)}`);
  await writeFile(file, `{\n  "about": ${JSON.stringify(ABOUT)},\n  "rows": {\n${lines.join(',\n')}\n  }\n}\n`);
}

async function sampleCases(): Promise<CaseFiles[]> {
  const folder = join(root, 'samples/hippocampus');
  const names = (await readdir(join(folder, 'imagesTr'))).filter((name) => name.endsWith('.nii.gz')).sort();
  return names.map((name) => ({
    caseId: name.slice(0, -'.nii.gz'.length),
    images: [join(folder, 'imagesTr', name)],
    label: join(folder, 'labelsTr', name),
  }));
}
