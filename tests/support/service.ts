import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runningStack } from '@voxhelm/infra/embedded/state-file';

const COMMAND = fileURLToPath(new URL('../../cli/voxhelm.mjs', import.meta.url));

/** What a command printed, and how it ended. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real `voxhelm up` in a folder of its own, and the command line that speaks to it. */
export interface TestService {
  readonly home: string;
  readonly url: string;
  /** Runs `voxhelm <args>` against this service. */
  voxhelm(...args: string[]): Promise<CommandResult>;
  /** Runs `voxhelm <args> --json` and parses what it printed; throws where it failed. */
  json<T>(...args: string[]): Promise<T>;
  /** Pid of a service now. */
  pid(name: 'postgres' | 'temporal' | 'api' | 'orchestrator' | 'trainer'): Promise<number>;
  /** Ctrl-C, and everything is gone; the folder as well. */
  stop(): Promise<void>;
}

/** Runs `voxhelm <args>` with these environment variables beside ours. */
export function voxhelm(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [COMMAND, ...args], {
      env: { ...process.env, NODE_ENV: 'test', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

/** Starts `voxhelm up` on an empty data folder; resolves when the API answers. */
export async function startTestService(): Promise<TestService> {
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-test-'));
  await chmod(folder, 0o755); // PostgreSQL's user must pass
  const home = join(folder, 'home');
  const child = spawn(process.execPath, [COMMAND, 'up'], {
    env: { ...process.env, VOXHELM_HOME: home, VOXHELM_PORT: '0', NODE_ENV: 'test' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const url = await waitForUrl(home, child, () => said);
  const env = { VOXHELM_URL: url };

  return {
    home,
    url,
    voxhelm: (...args) => voxhelm(args, env),
    async json<T>(...args: string[]): Promise<T> {
      const result = await voxhelm([...args, '--json'], env);
      if (result.code !== 0) throw new Error(`voxhelm ${args.join(' ')} ended with ${result.code}:\n${result.stderr}`);
      return JSON.parse(result.stdout) as T;
    },
    async pid(name) {
      const process = (await runningStack(home))?.services[name];
      if (process === undefined) throw new Error(`${name} does not run`);
      return process.pid;
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGINT');
        await exited;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function waitForUrl(home: string, child: ChildProcess, said: () => string): Promise<string> {
  const deadline = performance.now() + 90_000;
  while (performance.now() < deadline && child.exitCode === null) {
    const state = await runningStack(home);
    if (state !== null && state.url !== null && (await ready(state.url))) return state.url;
    await sleep(200);
  }
  child.kill('SIGKILL');
  throw new Error(`voxhelm up did not start:\n${said()}`);
}

async function ready(url: string): Promise<boolean> {
  return fetch(`${url}/ready`).then(
    (response) => response.ok,
    () => false,
  );
}
