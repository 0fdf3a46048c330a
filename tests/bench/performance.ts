import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';
import { describeGpus, findGpus } from '@voxhelm/infra/setup/device.mjs';
import { benchDevice } from './lib/device.ts';
import { ANCHOR, type BenchOptions, readOptions } from './lib/options.ts';
import { type Line, PARTS, type Part, type PartResult } from './performance/parts.ts';
import { type Results, section, withSection } from './performance/table.ts';

/*
 * Runs every benchmark and fills the tables of docs/performance.md (that of the device which set-up chose). Results are kept in out/bench, so `--only` replaces some (by the start of their names)
 * and the table is filled from all; `--only none` fills it anew.
 */

const DOCUMENT = join(rootDirectory, 'docs', 'performance.md');

/** For `--help`. */
export const ABOUT = 'Runs every benchmark of time and memory and fills the tables of docs/performance.md.';

/** See {@link BenchOptions}. */
export const OPTIONS = {
  anchor: ANCHOR,
  only: {
    value: 'train-step:48x48x48,start',
    about: 'parts by the start of their names; none: fills the tables anew from out/bench; absent: all',
  },
  rounds: { value: 'N', about: "of training steps; absent: the benchmark's own" },
  precision: { value: 'bfloat16', about: 'of training steps; absent: both' },
} as const satisfies BenchOptions;

/** See the head of this file. */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const { anchor, rounds, precision } = values;
  // Of large networks each round takes minutes: a shorter look can say so.
  const shorter = Object.entries({ rounds, precision }).flatMap(([name, value]) => (value ? [`--${name}`, value] : []));
  const only = values.only?.split(',');
  const device = await benchDevice();
  const file = join(rootDirectory, 'out', 'bench', `performance-${device}.json`);
  await mkdir(join(file, '..'), { recursive: true });
  const results: Record<string, PartResult> = JSON.parse(await readFile(file, 'utf8').catch(() => '{}'));
  for (const part of PARTS) {
    if (only !== undefined && !only.some((start) => part.name.startsWith(start))) continue;
    process.stderr.write(`… ${part.name}\n`);
    const lines = await run(part, anchor, part.command[0] === 'train-step' ? shorter : []);
    results[part.name] = { date: new Date().toISOString(), load: loadavg()[0] ?? 0, lines };
    await writeFile(file, `${JSON.stringify(results, null, 1)}\n`);
  }
  const ordered: Results = Object.fromEntries(
    PARTS.flatMap(({ name }) => (results[name] === undefined ? [] : [[name, results[name]]])),
  );
  const text = section(await machine(device), availableParallelism(), ordered);
  await writeFile(DOCUMENT, withSection(await readFile(DOCUMENT, 'utf8'), device, text));
  process.stdout.write(`${text}\n`);
}

/** Runs one benchmark as a process of its own; its lines are shown as they come. */
function run(part: Part, anchor: string | undefined, more: readonly string[]): Promise<Line[]> {
  const anchored = part.anchored && anchor !== undefined ? ['--anchor', anchor] : [];
  const options = ['--import', 'tsx', '--expose-gc', join(import.meta.dirname, 'main.ts'), ...part.command, ...more];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...options, ...anchored], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      process.stderr.write(chunk);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${part.name} ended with exit code ${code}`));
      const json = output.split('\n').filter((line) => line.startsWith('{'));
      resolve(json.map((line) => JSON.parse(line) as Line));
    });
  });
}

async function machine(device: 'cpu' | 'cuda'): Promise<string> {
  const gpus = device === 'cuda' ? await findGpus() : null;
  const cpu = `${availableParallelism()} cores of ${cpus()[0]?.model.trim() ?? 'a CPU'}, ${Math.round(totalmem() / 2 ** 30)} GB`;
  return gpus === null ? `${cpu}, Node ${process.versions.node}` : `${describeGpus(gpus)}; ${cpu}`;
}
