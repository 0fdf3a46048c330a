import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readSettings } from '@voxhelm/contracts/settings';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startStack } from './stack.ts';
import { createSupervisor, type Service, type Supervisor } from './supervisor.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-supervisor-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A process that does nothing until it is stopped. */
function idle(ready: () => Promise<void>): Service {
  return {
    name: 'idle',
    program: process.execPath,
    args: ['-e', 'setInterval(() => {}, 1000)'],
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
    ready,
    readyTimeoutMs: 30_000,
  };
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The process, as soon as there is one. */
async function pidOf(supervisor: Supervisor): Promise<number> {
  for (;;) {
    const [pid] = Object.values(supervisor.pids());
    if (pid !== undefined) return pid;
    await sleep(10);
  }
}

test('stopping ends a start under way: it rejects at once, and the process is gone', async () => {
  const supervisor = createSupervisor(folder);
  const starting = supervisor.start(idle(() => Promise.reject(new Error('not yet'))));
  const outcome = expect(starting).rejects.toThrow(/aborted/);
  const pid = await pidOf(supervisor);
  const startedAt = performance.now();
  await supervisor.stop();
  await outcome;
  expect(performance.now() - startedAt).toBeLessThan(5_000);
  expect(runs(pid)).toBe(false);
  await expect(supervisor.start(idle(async () => undefined))).rejects.toThrow(/aborted/);
});

test('a stop in the very moment of a start leaves no process behind', async () => {
  const pids: number[] = [];
  const supervisor = createSupervisor(folder, { onStarted: (_name, { pid }) => pids.push(pid) });
  const starting = supervisor.start(idle(async () => undefined)).catch(() => undefined);
  await supervisor.stop();
  await starting;
  expect(pids.filter(runs)).toEqual([]);
});

test.each([
  ['an address that others reach, without a key', { VOXHELM_HOST: '0.0.0.0' }, /other machines can reach/],
  ['an artifact store that is not served', { VOXHELM_ARTIFACTS: 's3://bucket' }, /only a folder is supported/],
])('%s is refused before anything starts', async (_what, environment, message) => {
  const said: string[] = [];
  const settings = readSettings({ VOXHELM_HOME: join(folder, 'home'), ...environment });
  await expect(startStack(settings, { say: (line) => said.push(line) })).rejects.toMatchObject({
    code: 'invalid-request',
    message: expect.stringMatching(message),
  });
  expect(said).toEqual([]);
});
