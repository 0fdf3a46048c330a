import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrainJob } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import { folderStore, writeJson } from '@voxhelm/storage/artifact-store';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type FakeApi, startFakeApi } from '../fixtures/fake-api.ts';
import { tinyPlan } from '../fixtures/tiny-plan.ts';
import type { Heartbeat } from '../messages.ts';
import { superviseJob } from '../supervise.ts';

/*
 * A pause, a cancellation and a trainer's shutdown all reach a job as SIGTERM. Here real jobs get it while TensorFlow is
 * inside a step of eight seconds and more (on two cores).
 */

const SAMPLES = fileURLToPath(new URL('../../../samples/hippocampus', import.meta.url));
const CASES = ['hippocampus_001', 'hippocampus_003'];
/**
 * Of the 5 s that a pause may take, up to 2 s pass until a heartbeat's answer tells the trainer of it. On an idle machine the
 * training answers in 2.3 s and the search in 1.4 s; other tests run beside this one.
 */
const ANSWER_WITHIN_MS = 4_000;

/** One convolution pair of 256 channels at full resolution: much to compute, little to keep. */
function longTraining(): Plan {
  const plan = tinyPlan({ steps: 100, validateEverySteps: 100 });
  const network = { ...plan.network, options: { ...plan.network.options, init_filters: 256, blocks_down: [1] } };
  return { ...plan, network, patchSize: [48, 48, 32] };
}

function longSearch(): Plan {
  const options = { in_channels: 1, num_classes: 3, num_blocks: 2, num_depths: 2, channel_mul: 0.125 };
  return {
    ...tinyPlan({ steps: 2, validateEverySteps: 2 }),
    algorithm: 'dints',
    network: { class: 'DiNTS', options },
    patchSize: [64, 64, 64],
    architectureSearch: {
      steps: 100,
      warmupSteps: 50,
      memoryBudget: 0.5,
      channelMultiplier: 2,
      learningRate: 0.025,
      architectureLearningRate: 0.1,
      checkpointEverySteps: 100,
      seed: 0,
    },
  };
}

let root: string;
let api: FakeApi;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'voxhelm-long-'));
  api = await startFakeApi();
});
afterAll(async () => {
  await api.close();
  await rm(root, { recursive: true });
});

async function jobOf(plan: Plan): Promise<TrainJob> {
  const store = folderStore(root);
  const cases = CASES.map((caseId, fold) => ({
    caseId,
    images: [join(SAMPLES, 'imagesTr', `${caseId}.nii.gz`)],
    label: join(SAMPLES, 'labelsTr', `${caseId}.nii.gz`),
    fold,
  }));
  return {
    ...{ kind: 'train', runId: 'r', trialId: plan.algorithm, fold: 0, seed: 5, lease: 1 },
    plan: await writeJson(store, `${plan.algorithm}.json`, plan),
    cases: await writeJson(store, 'cases.json', cases),
    artifactPrefix: `trials/${plan.algorithm}`,
    prunable: false,
    ends: null,
  };
}

it.each([
  { what: 'a training', plan: longTraining(), phase: 'training', afterMs: 1_000 },
  // The supernet is compiled first.
  { what: 'an architecture search', plan: longSearch(), phase: 'searching', afterMs: 3_000 },
] as const)('$what is stopped in time during a long step, and tells how it is meanwhile', async (long) => {
  const job = await jobOf(long.plan);
  const stop = new AbortController();
  const beats: { beat: Heartbeat; atMs: number }[] = [];
  let [computesAt, askedAt] = [Number.NaN, Number.NaN];
  const outcome = await superviseJob({
    entry: new URL('../job.ts', import.meta.url),
    request: {
      ...{ type: 'job', job, attempt: 1, smaller: 0 },
      settings: { url: api.url, apiKey: undefined, artifacts: root, caseCache: null },
    },
    signal: stop.signal,
    onProgress(beat) {
      beats.push({ beat, atMs: performance.now() });
      if (!Number.isNaN(computesAt) || beat.phase !== long.phase) return;
      computesAt = performance.now();
      setTimeout(() => {
        askedAt = performance.now();
        stop.abort();
      }, long.afterMs);
    },
  });
  const answeredMs = performance.now() - askedAt;
  expect(outcome).toMatchObject({ ok: false, error: { code: 'cancelled' } });
  expect(answeredMs).toBeLessThan(ANSWER_WITHIN_MS);
  const times = beats.map(({ atMs }) => atMs).filter((atMs) => atMs >= computesAt && atMs <= askedAt);
  const silences = [...times, askedAt].map((atMs, i) => atMs - (times[i - 1] ?? computesAt));
  expect(Math.max(...silences)).toBeLessThan(2_000);
});
