import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';
import { SAMPLES } from '../support/small-dataset.ts';
import { type BenchOptions, readOptions } from './lib/options.ts';

const COMMAND = fileURLToPath(new URL('../../cli/voxhelm.mjs', import.meta.url));
const ROUNDS = 3;

/** The 200 cases that the goal is set for, where they lie beside the repository. */
const SHARED = join(rootDirectory, '..', 'shared', 'data', 'hippocampus');

/*
 * `voxhelm analyze --json` as a whole process, its start included, over the dataset in DIR; by default the 200 cases of
 * ../shared/data/hippocampus, or samples/hippocampus where they are not at hand. The median of three rounds; peak memory is
 * the process's own high-water mark. `cases` counts the training and test cases, each of which is read.
 */

/** For `--help`. */
export const ABOUT =
  '`voxhelm analyze --json` as a whole process: a JSON line with cases a second and peak memory, the median of three rounds.';

/** See {@link BenchOptions}. */
export const OPTIONS = {
  data: {
    value: 'DIR',
    about: 'a dataset; absent: the 200 cases of ../shared/data/hippocampus, or samples/hippocampus',
  },
} as const satisfies BenchOptions;

/** See above. Throws `invalid-request` for a folder that holds no dataset. */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const dataset = values.data ?? (existsSync(SHARED) ? SHARED : SAMPLES);
  const { training, testing } = await readDatalist(dataset);
  const cases = training.length + testing.length;
  const start = await measure(['--help']);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measure(['analyze', dataset, '--json']));
  rounds.sort((a, b) => a.seconds - b.seconds);
  const median = rounds[Math.floor(ROUNDS / 2)] as Measured;
  const line = {
    name: 'analyze',
    data: dataset,
    cases,
    seconds: median.seconds,
    casesPerSecond: cases / median.seconds,
    peakMemoryMb: Math.max(...rounds.map((round) => round.peakMemoryMb)),
    startSeconds: start.seconds,
    rounds: rounds.map((round) => round.seconds),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

interface Measured {
  readonly seconds: number;
  readonly peakMemoryMb: number;
}

function measure(args: readonly string[]): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.stdout.resume();
    const peak = watchPeakMemory(child.pid ?? 0);
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = (performance.now() - startedAt) / 1000;
      // 1: the check found faults, which is a result as well.
      if (code === 0 || code === 1) resolve({ seconds, peakMemoryMb: peak.mb });
      else reject(new Error(`voxhelm ${args.join(' ')} ended with exit code ${code}`));
    });
  });
}

/** Reads the kernel's high-water mark (VmHWM, proc(5)) until the process is gone. */
function watchPeakMemory(pid: number): { mb: number } {
  const peak = { mb: 0 };
  const watch = async (): Promise<void> => {
    for (;;) {
      const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => null);
      const match = status === null ? null : /VmHWM:\s+(\d+) kB/.exec(status);
      if (match === null) return;
      peak.mb = Number(match[1]) / 1024;
      await sleep(20);
    }
  };
  watch().catch(() => undefined);
  return peak;
}
