import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FIXTURE_CHILD, fakeRequest } from './fixtures/jobs.ts';
import type { Heartbeat } from './messages.ts';
import { type JobOutcome, type SuperviseOptions, superviseJob } from './supervise.ts';
import { typescriptArguments } from './typescript-loader.ts';

function supervise(behaviour: string, options: Partial<SuperviseOptions> = {}): Promise<JobOutcome> {
  return superviseJob({
    entry: FIXTURE_CHILD,
    request: fakeRequest(behaviour, 4),
    signal: new AbortController().signal,
    onProgress: () => undefined,
    ...options,
  });
}

/** Aborts as soon as the child speaks, so that it surely listens. */
function abortAtFirstWord(): Partial<SuperviseOptions> & { beats: Heartbeat[] } {
  const controller = new AbortController();
  const beats: Heartbeat[] = [];
  return {
    beats,
    signal: controller.signal,
    onProgress(beat) {
      beats.push(beat);
      controller.abort();
    },
  };
}

describe('superviseJob', () => {
  it('hands back the value, progress and log lines, and gives the child no database', async () => {
    const beats: Heartbeat[] = [];
    const lines: unknown[] = [];
    process.env['DATABASE_URL'] = 'postgres://secret';
    try {
      const outcome = await supervise('result', {
        onProgress: (beat) => beats.push(beat),
        onLog: (level, message, fields) => lines.push([level, message, fields]),
      });
      expect(outcome).toEqual({ ok: true, value: { attempt: 4, database: null } });
    } finally {
      delete process.env['DATABASE_URL'];
    }
    expect(beats).toEqual([{ phase: 'training', step: 7, memoryMb: 1 }]);
    expect(lines).toEqual([['info', 'hello', { answer: 42 }]]);
  });

  it('tells an error as the child told it', async () => {
    expect(await supervise('error')).toMatchObject({
      ok: false,
      error: { code: 'bad-image', message: 'case "a" is no image', fix: 'Leave it out.' },
      exitCode: 1,
      outOfMemory: false,
    });
  });

  it('takes a kill from outside for lack of memory, with the last step known', async () => {
    const outcome = await supervise('killed');
    expect(outcome).toMatchObject({
      ok: false,
      signal: 'SIGKILL',
      outOfMemory: true,
      lastStep: 3,
      killed: true,
    });
  });

  it('says by whom it was killed, as far as the kernel tells', async () => {
    let kills = 0;
    const outcomes = await Promise.all([
      supervise('killed', { memoryKills: () => kills++ }),
      supervise('killed', { memoryKills: () => 3 }),
      supervise('killed', { memoryKills: () => null }),
    ]);
    expect(outcomes.map((one) => !one.ok && one.killedForMemory)).toEqual([true, false, null]);
    expect(outcomes.map((one) => !one.ok && one.error.code)).toEqual(['out-of-memory', 'internal', 'out-of-memory']);
    expect(outcomes.map((one) => !one.ok && one.error.message)).toEqual([
      expect.stringContaining('for lack of memory by the kernel'),
      expect.stringContaining('perhaps for lack of memory, but not by the kernel'),
      expect.stringContaining('most likely for lack of memory'),
    ]);
    expect(outcomes[0]).toMatchObject({ lastPhase: 'training' });
  });

  it('keeps the log of a crash, and sees memory in it only where it is', async () => {
    const [crash, memory] = await Promise.all([supervise('aborted'), supervise('bad-alloc')]);
    expect(crash).toMatchObject({ signal: 'SIGABRT', outOfMemory: false, error: { code: 'internal' } });
    expect(crash).toHaveProperty('logTail', expect.stringContaining('segmentation went wrong'));
    expect(memory).toMatchObject({
      signal: 'SIGABRT',
      outOfMemory: true,
      killed: false,
      error: { code: 'out-of-memory' },
    });
    expect(memory).toMatchObject({
      error: { message: expect.stringContaining('ran out of memory and died (SIGABRT)') },
    });
  });

  it('tells of an exit without a word', async () => {
    expect(await supervise('exit')).toMatchObject({ ok: false, exitCode: 3, error: { code: 'internal' } });
  });

  it('asks politely first and hears what the child says', async () => {
    const abort = abortAtFirstWord();
    const outcome = await supervise('stop-politely', abort);
    expect(outcome).toMatchObject({
      ok: false,
      error: { code: 'cancelled', message: 'saved and stopped' },
      lastStep: 5,
    });
  });

  it('kills a child that does not stop when asked', async () => {
    const outcome = await supervise('ignore-sigterm', { ...abortAtFirstWord(), killAfterMs: 300 });
    expect(outcome).toMatchObject({ ok: false, signal: 'SIGKILL', outOfMemory: false, error: { code: 'cancelled' } });
  });

  it('ends a child that says nothing for too long', async () => {
    const outcome = await supervise('silent', { stallMs: 1_500 });
    expect(outcome).toMatchObject({ ok: false, error: { code: 'internal', message: expect.stringContaining('hung') } });
  });

  it('leaves no orphan when the trainer itself is killed', async () => {
    const parent = spawn(
      process.execPath,
      [...typescriptArguments(), fileURLToPath(new URL('./fixtures/parent.ts', import.meta.url))],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number.parseInt(line.toString(), 10);
    expect(isAlive(child)).toBe(true);
    parent.kill('SIGKILL');
    for (let tries = 0; tries < 100 && isAlive(child); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(isAlive(child)).toBe(false);
  });
});

/** A zombie that nobody reaped (a container without init) is not alive. */
function isAlive(pid: number): boolean {
  try {
    return !execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .toString()
      .trim()
      .startsWith('Z');
  } catch {
    return false;
  }
}
