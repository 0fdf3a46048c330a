import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { folderStore } from '@voxhelm/storage/artifact-store';
import { lastFailure } from '@voxhelm/storage/last-attempt';
import { readTrialLogs } from '@voxhelm/storage/trial-log';
import { pino } from 'pino';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { type ActivityOptions, createActivities } from './activities.ts';
import { FIXTURE_CHILD, fakeJob } from './fixtures/jobs.ts';
import type { Heartbeat } from './messages.ts';

const draining = new AbortController();
const folders: string[] = [];
let artifacts: string;

/** The trainer's activities, as after a restart each time; `options` in place of the usual. */
function activities(signal: AbortSignal = draining.signal, options: Partial<ActivityOptions> = {}) {
  return createActivities({
    settings: { url: 'http://127.0.0.1:9', apiKey: undefined, artifacts, caseCache: null },
    logger: pino({ level: 'silent' }),
    draining: signal,
    entry: FIXTURE_CHILD,
    killAfterMs: 500,
    ...options,
  });
}

/** Runs `trainTrial` with the fixture child and collects its heartbeats. */
function run(behaviour: string, signal?: AbortSignal, attempt = 2, options: Partial<ActivityOptions> = {}) {
  const environment = new MockActivityEnvironment({ attempt }, { logger: new DefaultLogger('ERROR', () => undefined) });
  const beats: Heartbeat[] = [];
  environment.on('heartbeat', (beat: Heartbeat) => beats.push(beat));
  const result = environment.run(activities(signal, options).trainTrial, fakeJob(behaviour));
  return { environment, beats, result };
}

/** Resolves when the child has said something. */
async function childSpeaks(beats: Heartbeat[]): Promise<void> {
  while (!beats.some((beat) => beat.phase === 'training')) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function failureOf(result: Promise<unknown>): Promise<unknown> {
  return result.then(
    () => null,
    (error: unknown) => error,
  );
}

/** The different steps that were told: what the fixture child tells of how small its plan is. */
const stepsOf = (beats: readonly Heartbeat[]): number[] => [
  ...new Set(beats.flatMap(({ step }) => (step === undefined ? [] : [step]))),
];

/** A kernel that kills one more process for lack of memory each time it is asked. */
function killingKernel(): () => number {
  let kills = 7;
  return () => kills++;
}

beforeEach(() => {
  artifacts = mkdtempSync(join(tmpdir(), 'voxhelm-activities-'));
  folders.push(artifacts);
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

describe('the activities of the queue gpu', () => {
  it("forwards the child's progress as heartbeats and refuses a result of another shape for good, in words", async () => {
    const { beats, result } = run('result');
    const message = expect.stringMatching(/^the train job brought a result that is none \(outcome: .*; step: /);
    expect(await failureOf(result)).toMatchObject({ type: 'internal', nonRetryable: true, message });
    expect(beats).toContainEqual({ phase: 'training', step: 7, memoryMb: 1 });
  });

  it('keeps what the process of a trial said, printed and died of as the log of this attempt', async () => {
    const logAfter = async (behaviour: string): Promise<string> => {
      await failureOf(run(behaviour, undefined, 1).result);
      const { artifactPrefix, lease } = fakeJob(behaviour);
      return readTrialLogs(folderStore(artifacts), artifactPrefix, lease);
    };
    expect(await logAfter('result')).toMatch(/attempt 1\n.* info {2}attempt 1 starts on .*\n.* info {2}hello\n/);
    expect(await logAfter('aborted')).toMatch(
      /print terminate called: segmentation went wrong\n[^]*error internal: the train job's process died/,
    );
  });

  it('beats while the child is silent', async () => {
    const { environment, beats, result } = run('silent');
    await new Promise((resolve) => setTimeout(resolve, 2_300));
    environment.cancel();
    await failureOf(result);
    expect(beats.length).toBeGreaterThanOrEqual(3);
  });

  it('makes a faulty input a final failure with its code, and a lost process one to try again', async () => {
    const [final, again] = await Promise.all([
      failureOf(run('error').result),
      failureOf(run('killed', undefined, 1, { memoryKills: () => 7 }).result),
    ]);
    expect(final).toBeInstanceOf(ApplicationFailure);
    expect(final).toMatchObject({ type: 'bad-image', nonRetryable: true, message: 'case "a" is no image' });
    expect((final as ApplicationFailure).details?.[0]).toMatchObject({ code: 'bad-image', fix: 'Leave it out.' });
    expect(again).toMatchObject({ type: 'internal', nonRetryable: false });
    expect((again as ApplicationFailure).details?.[0]).toMatchObject({ details: { lastStep: 3, signal: 'SIGKILL' } });
  });

  it('makes the plan smaller where the device runs out of memory, at once and as often as it takes', async () => {
    const { beats, result } = run('too-large');
    expect(await failureOf(result)).toMatchObject({ type: 'bad-image' });
    expect(stepsOf(beats)).toEqual([0, 1, 2]);
  });

  it('makes the plan smaller where oneDNN refuses memory', async () => {
    const { beats, result } = run('refused-memory', undefined, 1);
    expect(await failureOf(result)).toMatchObject({ type: 'bad-image' });
    expect(stepsOf(beats)).toEqual([0, 1]);
  });

  it('tells an attempt why the one before it failed and why the plan is smaller; of a lost trainer nothing is known', async () => {
    /** What an attempt of this trial is told, after one that did so. */
    const toldAfter = async (behaviour: string, attempt: number, options: Partial<ActivityOptions> = {}) => {
      const trial = { ...fakeJob(behaviour), artifactPrefix: `trials/after-${behaviour}` };
      const attemptOf = (job: typeof trial, number: number) => {
        const environment = new MockActivityEnvironment(
          { attempt: number },
          { logger: new DefaultLogger('ERROR', () => undefined) },
        );
        return failureOf(environment.run(activities(undefined, options).trainTrial, job));
      };
      await attemptOf(trial, 1);
      return attemptOf({ ...trial, trialId: 'tell-before' }, attempt);
    };
    const killed =
      "the train job's process was killed at step 3 (SIGKILL), perhaps for lack of memory, but not by the kernel";
    const told = await Promise.all([
      toldAfter('killed', 2, { memoryKills: () => 7 }),
      toldAfter('exit', 3), // The second attempt was lost.
      toldAfter('killed-when-large', 2, { memoryKills: () => null }),
      toldAfter('refused-memory', 2),
    ]);
    const messages = [`0 memory ${killed}`, '0 memory undefined', '1 killed fits', '1 memory fits'];
    expect(told).toMatchObject(messages.map((message) => ({ message })));
  });

  it('leaves word of why a probe failed, for whoever waits for it in vain', async () => {
    const { plan, cases, seed, trialId } = fakeJob('error');
    const probe = { kind: 'probe' as const, plan, cases, seed, artifactPrefix: 'bundles/unet-fold0', trialId };
    const environment = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR', () => undefined) });
    await failureOf(environment.run(activities().probePlan, probe));
    expect(await lastFailure(folderStore(artifacts), 'bundles/unet-fold0')).toBe('case "a" is no image');
    expect(await lastFailure(folderStore(artifacts), 'bundles/dints-fold0')).toBeNull();
  });

  it('makes the plan smaller at once where the kernel killed the process for its memory, or tells nothing of it', async () => {
    for (const memoryKills of [killingKernel(), () => null]) {
      artifacts = join(artifacts, 'again');
      const { beats, result } = run('killed-when-large', undefined, 1, { memoryKills });
      expect(await failureOf(result)).toMatchObject({ type: 'bad-image' });
      expect(stepsOf(beats)).toEqual([0, 1]);
    }
  });

  it('takes a kill that was not the kernel’s for lack of memory only when it happens again', async () => {
    const options = { memoryKills: () => 7 };
    const [once, again] = [
      run('killed-when-large', undefined, 1, options),
      run('killed-when-large', undefined, 2, options),
    ];
    const message = expect.stringContaining('perhaps for lack of memory, but not by the kernel');
    expect(await failureOf(once.result)).toMatchObject({ type: 'internal', nonRetryable: false, message });
    expect(stepsOf(once.beats)).toEqual([0]);
    await failureOf(again.result);
    expect(stepsOf(again.beats)).toEqual([0, 1]);
  });

  it('leaves the plan as it is where memory ran out while the cases were loaded', async () => {
    const { beats, result } = run('killed-loading', undefined, 2, { memoryKills: killingKernel() });
    expect(await failureOf(result)).toMatchObject({ type: 'out-of-memory' });
    expect(stepsOf(beats)).toEqual([0]);
    // Nor where it was killed before that.
    await failureOf(run('killed-at-once', undefined, 2, { memoryKills: () => 7 }).result);
    expect(await folderStore(artifacts).find('trials/killed-at-once/memory.json')).toBeNull();
  });

  it('goes on from the smaller plan when the activity is tried again, by a trainer that was started anew', async () => {
    const first = run('too-large-then-dies', undefined, 1);
    expect(await failureOf(first.result)).toMatchObject({ type: 'internal', nonRetryable: false });
    expect(stepsOf(first.beats)).toEqual([0, 1]);
    const second = run('too-large-then-dies', undefined, 2);
    await failureOf(second.result);
    expect(stepsOf(second.beats)).toEqual([1]);
  });

  it('gives up for good where the smallest plan is too large', async () => {
    const failure = await failureOf(run('far-too-large').result);
    expect(failure).toMatchObject({ type: 'out-of-memory', nonRetryable: true, message: 'smaller 1' });
  });

  it('answers a cancellation with a cancellation, after the child has saved', async () => {
    const { environment, beats, result } = run('stop-politely');
    await childSpeaks(beats);
    environment.cancel();
    expect(await failureOf(result)).toBeInstanceOf(CancelledFailure);
  });

  it('fails in a way that is tried again when the trainer shuts down', async () => {
    const drain = new AbortController();
    const { beats, result } = run('stop-politely', drain.signal);
    await childSpeaks(beats);
    drain.abort();
    expect(await failureOf(result)).toMatchObject({ type: 'unavailable', nonRetryable: false });
  });
});
