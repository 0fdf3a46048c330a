import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { runningStack } from '@voxhelm/infra/embedded/state-file';

/** The demo's own Voxhelm. */
export interface DemoService {
  readonly url: string;
  readonly pid: number;
  /** Stops everything that was started; resolves when it is gone. */
  stop(): Promise<void>;
}

/** How the service is to be started. */
export interface DemoServiceOptions {
  /** Leaves it running when the demo ends, even in a terminal that closes. */
  readonly keep: boolean;
  readonly say: (line: string) => unknown;
  readonly signal: AbortSignal;
}

/** `voxhelm up` takes at most this long: a minute where the disk is cold, two more in the worst case. */
const START_TIMEOUT_MS = 180_000;

/** Runs `voxhelm up` on the demo's own data folder; uses the one that an earlier `--keep` left there. */
export async function startService(home: string, options: DemoServiceOptions): Promise<DemoService> {
  const left = await runningStack(home);
  if (left !== null && left.url !== null) {
    options.say(`using the service that an earlier demo left up at ${left.url} (pid ${left.supervisor.pid})`);
    return { url: left.url, pid: left.supervisor.pid, stop: async () => undefined };
  }
  const dieWithParent = import.meta.resolve('@voxhelm/infra/embedded/die-with-parent.mjs');
  const command = fileURLToPath(new URL('../voxhelm.mjs', import.meta.url));
  const child = spawn(process.execPath, [...(options.keep ? [] : ['--import', dieWithParent]), command, 'up'], {
    env: { ...process.env, VOXHELM_HOME: home },
    stdio: ['ignore', 'ignore', 'pipe', ...(options.keep ? [] : (['ipc'] as const))],
    detached: true, // Ctrl-C reaches the demo alone, which then stops it in order
  });
  const exited = once(child, 'exit');
  if (child.stderr !== null) createInterface({ input: child.stderr }).on('line', (line) => options.say(`  ${line}`));
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await exited;
  };
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline && child.exitCode === null) {
    const state = await runningStack(home);
    if (state !== null && state.url !== null && (await answers(state.url))) {
      if (options.keep) {
        child.stderr?.destroy();
        child.unref();
      }
      return { url: state.url, pid: state.supervisor.pid, stop };
    }
    await sleep(200, undefined, { signal: options.signal }).catch(async () => {
      await stop();
      throw new VoxhelmError('cancelled', 'interrupted while the service was starting');
    });
  }
  await stop();
  throw new VoxhelmError('unavailable', 'the service did not start', {
    fix: `Read the logs in ${home}/logs; \`npx voxhelm doctor\` tells what is missing.`,
  });
}

async function answers(url: string): Promise<boolean> {
  return fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );
}
