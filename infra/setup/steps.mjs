// What every step of set-up shares: where things lie, how a step is reported, how a program is run.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const rootDirectory = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Per user, shared by all checkouts (contracts/settings.ts names the same folder). */
export const cacheDirectory =
  process.env.VOXHELM_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'voxhelm');

/**
 * Runs the steps in order. A step is `{name, about, ready(): Promise<string | null>, bring(say): Promise<string>}`:
 * `ready` answers with what is there, or null; `about` says what will be done and how long it takes.
 */
export async function runSteps(steps) {
  await mkdir(cacheDirectory, { recursive: true });
  for (const step of steps) {
    const present = await step.ready();
    if (present !== null) {
      say(`✓ ${step.name}: ${present}`);
      continue;
    }
    say(`… ${step.name}: ${step.about}`);
    const startedAt = performance.now();
    const done = await step.bring((line) => say(`  ${line}`));
    say(`✓ ${step.name}: ${done} (${((performance.now() - startedAt) / 1000).toFixed(1)} s)`);
  }
}

/** Progress goes to standard error, so that a command's report on standard output stays clean. */
function say(line) {
  process.stderr.write(`${line}\n`);
}

/** Runs a program to its end; resolves with its output, rejects with its last lines. */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => reject(new Error(`${program} cannot be run: ${error.message}`)));
    child.on('exit', (code) => {
      if (code === 0) resolve(output);
      else
        reject(
          new Error(
            `${program} ${args.join(' ')}\nended with exit code ${code}:\n${output.trim().split('\n').slice(-15).join('\n')}`,
          ),
        );
    });
  });
}

export function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  );
}

export async function readJson(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}

/** SHA-256 of a file, streamed. */
export async function sha256(path) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}
