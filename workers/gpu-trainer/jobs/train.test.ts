import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ProbeJob, ProbeResult, type TrainJob, TrainResult, ValidationPredictions } from '@voxhelm/contracts/jobs';
import { Plan } from '@voxhelm/contracts/plan';
import type { TrialProgress } from '@voxhelm/contracts/trial';
import { decodeProbabilities } from '@voxhelm/ensembler/probabilities';
import { type ArtifactStore, folderStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeApi, startFakeApi } from '../fixtures/fake-api.ts';
import { tinyPlan } from '../fixtures/tiny-plan.ts';
import type { ChildMessage, Heartbeat, JobRequest } from '../messages.ts';
import { type JobOutcome, superviseJob } from '../supervise.ts';
import { typescriptArguments } from '../typescript-loader.ts';

const SAMPLES = fileURLToPath(new URL('../../../samples/hippocampus', import.meta.url));
const ENTRY = new URL('../job.ts', import.meta.url);
const CASES = ['hippocampus_001', 'hippocampus_003', 'hippocampus_007', 'hippocampus_011'];

describe('the train job, in its own process on real cases', () => {
  let root: string;
  let store: ArtifactStore;
  let api: FakeApi;
  let job: TrainJob;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'voxhelm-train-'));
    store = folderStore(root);
    api = await startFakeApi();
    const cases = CASES.map((caseId, index) => ({
      caseId,
      images: [join(SAMPLES, 'imagesTr', `${caseId}.nii.gz`)],
      label: join(SAMPLES, 'labelsTr', `${caseId}.nii.gz`),
      fold: index === 0 ? 0 : 1,
    }));
    job = {
      kind: 'train',
      runId: 'r',
      trialId: 'undisturbed',
      plan: await writeJson(store, 'plan.json', tinyPlan()),
      cases: await writeJson(store, 'cases.json', cases),
      fold: 0,
      seed: 5,
      lease: 1,
      artifactPrefix: 'trials/undisturbed',
      prunable: true,
      ends: null,
    };
  });
  afterAll(async () => {
    await api.close();
    await rm(root, { recursive: true });
  });

  const request = (asked: TrainJob | ProbeJob, attempt = 1, smaller = 0): JobRequest => ({
    type: 'job',
    job: asked,
    attempt,
    smaller,
    settings: {
      url: api.url,
      apiKey: undefined,
      artifacts: root,
      caseCache: { folder: join(root, 'cases'), limitBytes: 1e9 },
    },
  });

  /** Runs a job to its end; `abortAt` stops it politely at the first heartbeat that fits. */
  function run(
    asked: TrainJob | ProbeJob,
    abortAt: (beat: Heartbeat) => boolean = () => false,
    attempt = 1,
  ): Promise<JobOutcome> {
    const controller = new AbortController();
    return superviseJob({
      entry: ENTRY,
      request: request(asked, attempt),
      signal: controller.signal,
      onProgress: (beat) => {
        if (abortAt(beat)) controller.abort();
      },
    });
  }

  function resultOf(outcome: JobOutcome): TrainResult {
    if (!outcome.ok) throw new Error(`${outcome.error.code}: ${outcome.error.message}\n${outcome.logTail}`);
    return TrainResult.parse(outcome.value);
  }

  /** Kills the job's process (SIGKILL) at the first heartbeat that fits. */
  function runAndKill(asked: TrainJob, at: (beat: Heartbeat) => boolean): Promise<void> {
    const child = fork(fileURLToPath(ENTRY), [], {
      execArgv: typescriptArguments(),
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', (message) => {
      const said = message as ChildMessage;
      if (said.type === 'progress' && at(said.heartbeat)) child.kill('SIGKILL');
    });
    child.send(request(asked));
    return new Promise((resolve, reject) => {
      child.once('exit', (_, signal) => {
        if (signal === 'SIGKILL') resolve();
        else reject(new Error('the job ended before it was killed'));
      });
    });
  }

  let undisturbed: TrainResult;

  it('trains, validates, stores the best checkpoint and its predictions, and tells the API', async () => {
    undisturbed = resultOf(await run(job));
    expect(undisturbed).toMatchObject({ outcome: 'completed', reason: null, step: 6 });
    expect(undisturbed.bestDice).not.toBeNull();
    expect(undisturbed.waitMs, 'the device waited for its first batch at least').toBeGreaterThan(0);
    expect(Object.keys(undisturbed.diceByClass)).toEqual(['1', '2']);
    if (undisturbed.predictions === null || undisturbed.best === null) throw new Error('nothing was stored');
    await store.read(undisturbed.best.artifact);
    const predictions = await readJson(store, undisturbed.predictions, ValidationPredictions);
    expect(predictions.cases.map((one) => one.caseId)).toEqual(['hippocampus_001']);
    expect(predictions.cases[0]?.dice).toBeCloseTo(undisturbed.bestDice ?? -1, 6);
    const { dice, classes = {} } = predictions.cases[0] ?? fail();
    expect(classes).toMatchObject({ 1: { volumeError: expect.any(Number) }, 2: { volumeError: expect.any(Number) } });
    expect(((classes['1']?.dice ?? 0) + (classes['2']?.dice ?? 0)) / 2).toBeCloseTo(dice ?? -1, 6);
    for (const one of Object.values(classes)) expect(one.hd95Mm === null).toBe(one.volumeError === -1);
    const probabilities = decodeProbabilities(await store.read(predictions.cases[0]?.probabilities ?? fail()));
    expect(probabilities).toMatchObject({ classes: 3, shape: [35, 51, 35] });

    const reports = api.requests.filter((one) => one.path.endsWith('/reports'));
    expect(reports.map((one) => one.body['step'])).toEqual([3, 6]);
    expect([...api.points.keys()]).toEqual(expect.arrayContaining(['dice@3', 'dice@6', 'dice.1@6', 'dice.2@6']));
    expect(api.requests.some((one) => one.path === '/v1/trials/undisturbed/progress')).toBe(true);
  });

  it('returns a finished result at once and tells nothing twice', async () => {
    const before = api.requests.length;
    expect(resultOf(await run({ ...job, lease: 2 }))).toEqual(undisturbed);
    expect(api.requests.length).toBe(before);
  });

  it('ends with the same weights after a kill -9 and a polite stop in between', async () => {
    const disturbed: TrainJob = { ...job, trialId: 'disturbed', artifactPrefix: 'trials/disturbed' };
    await runAndKill(disturbed, (beat) => beat.phase === 'validating');
    const first = openPoints();
    const stopped = await run(disturbed, (beat) => beat.phase === 'training' && (beat.step ?? 0) >= 1, 2);
    if (!stopped.ok) expect(stopped.error.code).toBe('cancelled');
    const result = resultOf(await run(disturbed, () => false, 3));
    expect(result).toMatchObject({ step: 6, bestStep: undisturbed.bestStep, bestDice: undisturbed.bestDice });
    expect(result.best?.artifact.sha256).toBe(undisturbed.best?.artifact.sha256);
    expect(openPoints()).toEqual(expect.arrayContaining(first));
  });

  it('ends with the same weights as a trial that went on from the rung of another, killed in between', async () => {
    const rung: TrainJob = { ...job, trialId: 'rung', artifactPrefix: 'trials/rung', until: 3 };
    const first = resultOf(await run(rung));
    expect(first).toMatchObject({ outcome: 'completed', step: 3 });
    if (first.last === null || first.best === null || first.predictions === null) throw new Error('nothing was left');
    const promoted: TrainJob = {
      ...{ ...rung, trialId: 'promoted', artifactPrefix: 'trials/promoted', until: 6 },
      continueFrom: { last: first.last, best: first.best },
    };
    await runAndKill(promoted, (beat) => beat.phase === 'validating');
    const result = resultOf(await run(promoted, () => false, 2));
    expect(result).toMatchObject({ step: 6, bestStep: undisturbed.bestStep, bestDice: undisturbed.bestDice });
    expect(result.best?.artifact.sha256).toBe(undisturbed.best?.artifact.sha256);
    // What the first trial left stays its own.
    await store.read(first.best.artifact);
    await store.read(first.last.artifact);
  });

  it('goes on from its checkpoint with fewer and smaller patches after the device ran out of memory, and says so', async () => {
    const large = { ...tinyPlan(), batchSize: 2 };
    const wide: TrainJob = {
      ...{ ...job, trialId: 'wide', artifactPrefix: 'trials/wide' },
      plan: await writeJson(store, 'wide.json', large),
    };
    await runAndKill(wide, (beat) => beat.phase === 'validating');
    const outcome = await superviseJob({
      ...{ entry: ENTRY, request: request(wide, 2, 2), signal: new AbortController().signal },
      onProgress: () => undefined,
    });
    const result = resultOf(outcome);
    expect(result).toMatchObject({ outcome: 'completed', step: 6 });
    const trained = await readJson(store, result.plan ?? fail(), Plan);
    expect(trained).toMatchObject({ batchSize: 1, patchSize: [14, 14, 12], training: { accumulate: 2 } });
    expect(trained.reasons['batchSize']).toMatch(/1 of 2 patches at once: the device ran out of memory/);
    expect(trained.reasons['patchSize']).toMatch(/in place of 16 x 16 x 16: the device ran out of memory/);
    const told = api.requests.flatMap(({ path, body }) =>
      path === '/v1/trials/wide/progress' && body.attempt === 2 ? [body['progress'] as TrialProgress] : [],
    );
    expect(told.at(-1)?.smaller).toEqual({
      times: 2,
      told: 'out of memory with 1 patch of 16 x 16 x 16 at once; now 1 patch of 14 x 14 x 12 at once',
    });
    const begun = told.filter(({ phase }) => phase !== 'loading');
    expect(Math.min(...begun.map(({ step }) => step)), 'goes on, not anew').toBeGreaterThan(0);
  });

  it('stays pruned where the process dies before it could say so', async () => {
    api.answer = (path) =>
      path.endsWith('/reports') ? { status: 200, body: { stop: true, reason: 'below the median' } } : null;
    const pruned: TrainJob = { ...job, trialId: 'pruned', artifactPrefix: 'trials/pruned' };
    const first = resultOf(await run(pruned));
    expect(first).toMatchObject({ outcome: 'pruned', reason: 'below the median', step: 3, predictions: null });
    api.answer = () => null; // The pruner would say otherwise now.
    await store.remove('trials/pruned/result.json');
    expect(resultOf(await run(pruned, () => false, 2))).toEqual(first);
  });

  it('stops an attempt that the API calls superseded, and leaves the files alone', async () => {
    api.answer = (path) => (path.endsWith('/progress') ? { status: 409 } : null);
    const late: TrainJob = { ...job, trialId: 'late', artifactPrefix: 'trials/late' };
    const outcome = await run(late);
    api.answer = () => null;
    expect(outcome).toMatchObject({ ok: false, error: { code: 'conflict' } });
    expect(await store.find('trials/late/result.json')).toBeNull();
  });

  it('measures a plan by a few real steps', async () => {
    const outcome = await run({ kind: 'probe', plan: job.plan, cases: job.cases, seed: 1 });
    if (!outcome.ok) throw new Error(`${outcome.error.message}\n${outcome.logTail}`);
    const probe = ProbeResult.parse(outcome.value);
    expect(probe.stepMs).toBeLessThan(probe.startMs);
    expect(probe.peakMemoryMb).toBeGreaterThan(50);
    expect(probe.memory).toMatchObject({ cases: 4 });
    expect(probe.memory?.stepsPeakMb).toBeLessThanOrEqual(probe.peakMemoryMb);
    expect(probe.memory?.deviceMb).toBeGreaterThan(probe.peakMemoryMb);
  });

  it('measures a plan whose loss is soon no number all the same, and says so', async () => {
    const wild = tinyPlan({ learningRate: 1e30, gradientClipNorm: null });
    const plan = await writeJson(store, 'wild.json', wild);
    const outcome = await run({ kind: 'probe', plan, cases: job.cases, seed: 1 });
    if (!outcome.ok) throw new Error(`${outcome.error.message}\n${outcome.logTail}`);
    const probe = ProbeResult.parse(outcome.value);
    expect(probe.diverged).toEqual({
      of: 'training',
      reason: expect.stringMatching(/^the loss was .* at step [2-6]$/),
    });
    expect(probe.predictCaseMs).toBeGreaterThan(0);
    expect(probe.memory).toMatchObject({ cases: 4 });
  });

  const openPoints = (): string[] => [...api.points.keys()];
});

function fail(): never {
  throw new Error('the prediction is missing');
}
