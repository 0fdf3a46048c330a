import { fileURLToPath } from 'node:url';
import type { Service } from './supervisor.ts';

/** The repository's root, wherever the command was called from. */
export const rootDirectory = fileURLToPath(new URL('../..', import.meta.url));

/** Node arguments that run a TypeScript program of ours from any working directory. */
export function typescriptArguments(program: string): string[] {
  return ['--import', import.meta.resolve('tsx'), `${rootDirectory}${program}`];
}

/** A Node process of ours as a service; `program` is its entry, relative to the repository's root. */
export function nodeService(
  name: string,
  program: string,
  env: NodeJS.ProcessEnv,
  graceMs: number,
  ready: () => Promise<void>,
): Service {
  return {
    name,
    program: process.execPath,
    args: ['--import', new URL('./die-with-parent.mjs', import.meta.url).href, ...typescriptArguments(program)],
    env,
    ipc: true,
    stopSignal: 'SIGTERM',
    graceMs,
    ready,
    readyTimeoutMs: 90_000,
  };
}
