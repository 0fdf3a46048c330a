import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { rootDirectory } from '@voxhelm/infra/embedded/node-service';
import { SAMPLES } from '../support/small-dataset.ts';

const COMMAND = fileURLToPath(new URL('../../cli/voxhelm.mjs', import.meta.url));
const ROUNDS = 3;

/**
 * `npm run bench -- analyze [DATASET]`: `voxhelm analyze --json` as a whole process, its start included, over the 200
 * shared cases where they are at hand. The median of three rounds; peak memory is the process's own high-water mark.
 */
export async function main(args: readonly string[]): Promise<void> {
  const shared = join(rootDirectory, '..', 'shared', 'data', 'hippocampus');
  const dataset = args[0] ?? (existsSync(shared) ? shared : SAMPLES);
  const start = await measure(['--help']);
  const rounds = [];
  for (let round = 0; round < ROUNDS; round += 1) rounds.push(await measure(['analyze', dataset, '--json']));
  rounds.sort((a, b) => a.seconds - b.seconds);
  const median = rounds[Math.floor(ROUNDS / 2)] as Measured;
  const { cases } = JSON.parse(median.stdout) as { cases: unknown[] };
  const line = {
    name: 'analyze',
    cases: cases.length,
    seconds: median.seconds,
    casesPerSecond: cases.length / median.seconds,
    peakMemoryMb: Math.max(...rounds.map((round) => round.peakMemoryMb)),
    startSeconds: start.seconds,
    rounds: rounds.map((round) => round.seconds),
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

interface Measured {
  readonly seconds: number;
  readonly peakMemoryMb: number;
  readonly stdout: string;
}

function measure(args: readonly string[]): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now();
    const child = spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    const peak = watchPeakMemory(child.pid ?? 0);
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = (performance.now() - startedAt) / 1000;
      if (code === 0) resolve({ seconds, peakMemoryMb: peak.mb, stdout });
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
