import { spawn } from 'node:child_process';
import { rootDirectory } from '../embedded/node-service.ts';

/*
 * `npm test`: format and lint, types, then the suites of every day. Each step's time is shown; the first that fails ends it.
 * `npm test -- unit parity` runs only the suites named; CI runs the slow ones ("faults", "schedules") by name too.
 */

/** The suite "web" drives a real browser, which set-up brings (infra/setup/chromium.mjs), through a real run. */
const SUITES = ['unit', 'parity', 'e2e', 'web'];

function run(program: string, args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...args], { cwd: rootDirectory, stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

const named = process.argv.slice(2);
const suites = named.length === 0 ? SUITES : named;
const bin = `${rootDirectory}node_modules/.bin`;
const steps: [string, string, string[]][] = [
  ['format and lint', `${bin}/biome`, ['ci', '--colors=off', '.']],
  ['types', `${bin}/tsc`, ['-p', 'tsconfig.json']],
  ['types of the workflows', `${bin}/tsc`, ['-p', 'orchestrator/workflows/tsconfig.json']],
  ['types of the web UI', `${bin}/tsc`, ['-p', 'web/tsconfig.json']],
  // Suites that start real processes run one file at a time; the others two.
  ['tests', `${bin}/vitest`, ['run', ...suites.flatMap((suite) => ['--project', suite])]],
];

for (const [name, program, args] of steps) {
  const startedAt = performance.now();
  const code = await run(program, args);
  process.stderr.write(
    `${code === 0 ? '✓' : '✗'} ${name} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)\n`,
  );
  if (code !== 0) process.exit(code);
}
