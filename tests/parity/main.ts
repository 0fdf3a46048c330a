import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { ZodError, z } from 'zod';
import type { ParityRow } from './row.ts';

/*
 * `npm run parity -- FILE [--data DIR] [--json]`: holds this product against one reference file. Exit code 0 where all
 * parts agree, 1 where one does not, 2 where nothing could be compared (wrong arguments, unknown kind,
 * no such file or data).
 */

const USAGE = 'usage: npm run parity -- FILE [--data DIR] [--json]';
const REPOSITORY = join(import.meta.dirname, '../..');

/** Reads the file's content, and the dataset's folder; answers one row per part. */
type Check = (reference: unknown, dataFolder: string) => Promise<ParityRow[]>;

/** One module per kind of reference; loaded when asked for, so that metrics need no TensorFlow. */
const CHECKS: Readonly<Record<string, () => Promise<{ check: Check }>>> = {
  network: () => import('./kinds/network.ts'),
  losses: () => import('./kinds/losses.ts'),
  metrics: () => import('./kinds/metrics.ts'),
  'sliding-window': () => import('./kinds/sliding-window.ts'),
  spatial: () => import('./kinds/spatial.ts'),
  transforms: () => import('./kinds/transforms.ts'),
  torchio: () => import('./kinds/torchio.ts'),
  analysis: () => import('./kinds/analysis.ts'),
};

class UsageError extends Error {}

/** Runs the command with these arguments and returns its exit code; all output goes through `write`. */
export async function main(
  args: string[],
  write: (text: string) => void = (text) => process.stdout.write(text),
): Promise<number> {
  try {
    const { file, dataFolder, json } = readArguments(args);
    const { kind, reference } = await readReference(file);
    const load = CHECKS[kind];
    if (load === undefined) {
      throw new UsageError(`${file}: unknown kind "${kind}"; known are ${Object.keys(CHECKS).join(', ')}`);
    }
    const { check } = await load();
    const rows = await check(reference, dataFolder);
    if (rows.length === 0) throw new UsageError(`${file} holds nothing to compare`);
    write(json ? `${JSON.stringify(rows.map(jsonRow), null, 2)}\n` : tableOf(rows));
    return rows.every((row) => row.ok) ? 0 : 1;
  } catch (error) {
    write(`${messageOf(error)}\n${USAGE}\n`);
    return 2;
  }
}

/** What a person can act on; anything else is a fault of ours and goes on as it is. */
function messageOf(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (error instanceof VoxhelmError) return [error.message, error.fix].filter(Boolean).join('\n');
  if (error instanceof ZodError) return `the reference is not of its kind's form:\n${z.prettifyError(error)}`;
  throw error;
}

function readArguments(args: string[]): { file: string; dataFolder: string; json: boolean } {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { data: { type: 'string' }, json: { type: 'boolean', default: false } },
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new UsageError('give one reference file');
    return { file: resolve(file), dataFolder: resolve(values.data ?? defaultDataFolder()), json: values.json };
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** All 200 cases where they lie beside the repository, else the 32 of the samples. */
function defaultDataFolder(): string {
  const whole = join(REPOSITORY, '../shared/data/hippocampus');
  return existsSync(whole) ? whole : join(REPOSITORY, 'samples/hippocampus');
}

async function readReference(file: string): Promise<{ kind: string; reference: unknown }> {
  let reference: unknown;
  try {
    reference = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${file} is no JSON file: ${error instanceof Error ? error.message : String(error)}`);
  }
  const kind = typeof reference === 'object' && reference !== null && 'kind' in reference ? reference.kind : undefined;
  if (typeof kind !== 'string') throw new UsageError(`${file} names no kind`);
  return { kind, reference };
}

/** JSON knows no infinity: an error without a number is null. */
function jsonRow(row: ParityRow): { part: string; maxError: number | null; tolerance: number; ok: boolean } {
  return { ...row, maxError: Number.isFinite(row.maxError) ? row.maxError : null };
}

function tableOf(rows: readonly ParityRow[]): string {
  const cells = [
    ['part', 'maxError', 'tolerance', 'ok'],
    ...rows.map((row) => [
      row.part,
      row.maxError.toExponential(2),
      row.tolerance.toExponential(0),
      row.ok ? 'yes' : 'NO',
    ]),
  ];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...cells.map((line) => (line[column] as string).length)));
  const lines = cells.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number),
      )
      .join('  '),
  );
  return `${lines.join('\n')}\n`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2));
}
