import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dints } from '@voxhelm/algorithms/dints/plan';
import { architectureSearcherOf } from '@voxhelm/algorithms/network-searchers';
import { networkOf } from '@voxhelm/algorithms/networks';
import { GIVEN } from '@voxhelm/algorithms/plan-overrides';
import { HIPPOCAMPUS, planInput } from '@voxhelm/algorithms/planning-fixtures';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type TrainJob, TrainResult } from '@voxhelm/contracts/jobs';
import { type FoundArchitecture, Plan } from '@voxhelm/contracts/plan';
import { readImage, readLabel } from '@voxhelm/imaging/nifti';
import { indexClasses, sampleBatch, type TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import { preprocessImage, preprocessLabel } from '@voxhelm/imaging/preprocess';
import { SMALLEST_SEARCH_STEPS } from '@voxhelm/search/architecture-search-time';
import { type ArtifactStore, folderStore, readJson, writeJson } from '@voxhelm/storage/artifact-store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeApi, startFakeApi } from '../fixtures/fake-api.ts';
import { tinyPlan } from '../fixtures/tiny-plan.ts';
import type { Heartbeat } from '../messages.ts';
import { type JobOutcome, superviseJob } from '../supervise.ts';
import { halves, probeSearch } from './architecture-search.ts';

const SAMPLES = fileURLToPath(new URL('../../../samples/hippocampus', import.meta.url));
const ENTRY = new URL('../job.ts', import.meta.url);
const CASES = ['hippocampus_001', 'hippocampus_003', 'hippocampus_007'];
const SEARCH_STEPS = 6;

/** A plan whose architecture is searched among two blocks of two depths. */
function searchedPlan(): Plan {
  const options = { in_channels: 1, num_classes: 3, num_blocks: 2, num_depths: 2, channel_mul: 0.125 };
  return {
    ...tinyPlan({ steps: 2, validateEverySteps: 2 }),
    algorithm: 'dints',
    network: { class: 'DiNTS', options },
    architectureSearch: {
      steps: SEARCH_STEPS,
      warmupSteps: 2,
      memoryBudget: 0.5,
      channelMultiplier: 0.125,
      learningRate: 0.025,
      architectureLearningRate: 0.1,
      checkpointEverySteps: 1,
      seed: 0,
    },
  };
}

describe('a training that searches its architecture, in its own process on real cases', { timeout: 180_000 }, () => {
  let root: string;
  let store: ArtifactStore;
  let api: FakeApi;
  let job: TrainJob;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'voxhelm-search-'));
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
      trialId: 'first',
      plan: await writeJson(store, 'plan.json', searchedPlan()),
      cases: await writeJson(store, 'cases.json', cases),
      fold: 0,
      seed: 5,
      lease: 1,
      artifactPrefix: 'trials/first',
      prunable: false,
      ends: null,
    };
  });
  afterAll(async () => {
    await api.close();
    await rm(root, { recursive: true });
  });

  function run(asked: TrainJob, onBeat: (beat: Heartbeat, stop: () => void) => void, attempt = 1): Promise<JobOutcome> {
    const controller = new AbortController();
    const settings = { url: api.url, apiKey: undefined, artifacts: root, caseCache: null };
    return superviseJob({
      entry: ENTRY,
      request: { type: 'job', job: asked, attempt, smaller: 0, settings },
      signal: controller.signal,
      onProgress: (beat) => onBeat(beat, () => controller.abort()),
    });
  }

  function resultOf(outcome: JobOutcome): TrainResult {
    if (!outcome.ok) throw new Error(`${outcome.error.code}: ${outcome.error.message}\n${outcome.logTail}`);
    return TrainResult.parse(outcome.value);
  }

  async function trainedPlan(result: TrainResult): Promise<Plan> {
    if (result.plan === undefined) throw new Error('the result names no plan');
    return readJson(store, result.plan, Plan);
  }

  it('stopped in the search goes on from its checkpoint, trains what was found and hands the plan over', async () => {
    let beats = 0;
    const stopped = await run(job, ({ phase }, stop) => {
      beats += phase === 'searching' ? 1 : 0;
      if (beats === 3) stop();
    });
    expect(stopped.ok ? 'completed' : stopped.error.code).toBe('cancelled');
    const known = [...api.points.keys()].filter((key) => key.startsWith('search.loss@')).length;
    expect(known).toBeLessThan(SEARCH_STEPS);

    const result = resultOf(await run(job, () => undefined, 2));
    expect(result).toMatchObject({ outcome: 'completed', step: 2 });
    const plan = await trainedPlan(result);
    expect(plan.architectureSearch).toBeUndefined();
    expect(plan.reasons['network.options.arch_code_a']).toMatch(/6 steps, memory budget 50 %/);
    networkOf(plan.network);
    const told = [...api.points.keys()];
    expect(told.filter((key) => key.startsWith('search.loss@'))).toHaveLength(SEARCH_STEPS);
    expect(told.filter((key) => key.startsWith('search.architectureLoss@'))).toHaveLength(SEARCH_STEPS - 2);
  });

  it('takes over what another trial of the run has found with the same settings', async () => {
    const phases = new Set<string>();
    const second = { ...job, trialId: 'second', artifactPrefix: 'trials/second', seed: 9 };
    const result = resultOf(await run(second, ({ phase }) => phases.add(String(phase))));
    expect(phases).not.toContain('searching');
    const first = await readJson(store, (await store.find('trials/first/trained-plan.json')) ?? fail(), Plan);
    expect((await trainedPlan(result)).network).toEqual(first.network);
  });
});

/** As a short run searches on a CPU: in as few steps as there may be, on patches of sample cases. */
async function searchSample(memoryBudget: number): Promise<FoundArchitecture> {
  const { labels, preprocessing, sampling } = searchedPlan();
  const network = { num_blocks: 2, num_depths: 2 };
  const overrides = { patchSize: [16, 32, 16], batchSize: 1, network, architectureSearch: { memoryBudget } };
  const planned = dints.plan(planInput(HIPPOCAMPUS, { overrides: overrides as never }));
  const plan = dints.withSearchSteps?.({ ...planned, labels, preprocessing, sampling }, SMALLEST_SEARCH_STEPS);
  if (plan === undefined) throw new Error('DiNTS cannot be searched for a number of steps');
  const volumes = await Promise.all(
    CASES.map(async (id): Promise<TrainingVolume> => {
      const file = (folder: string) => join(SAMPLES, folder, `${id}.nii.gz`);
      const image = preprocessImage(await readImage([file('imagesTr')]), preprocessing);
      const classes = preprocessLabel(await readLabel(file('labelsTr')), preprocessing, labels);
      return { ...image, image: image.data, classes, classVoxels: indexClasses(classes, labels.length) };
    }),
  );
  const parts = { weights: volumes.slice(0, 2), architecture: volumes.slice(2) };
  return architectureSearcherOf(plan).search({
    plan,
    startFrom: null,
    signal: new AbortController().signal,
    nextBatch: async (part, step) => sampleBatch(parts[part], plan, 1, step),
    save: async () => undefined,
  });
}

it('finds another, smaller network on the sample data for a smaller memory budget', { timeout: 180_000 }, async () => {
  const [large, small] = [await searchSample(0.9), await searchSample(0.25)];
  expect(small.options).not.toEqual(large.options);
  expect(small.expectedMemoryShare).toBeLessThan(large.expectedMemoryShare - 0.2);
  expect(small.memoryShare).toBeLessThan(large.memoryShare);
});

it('a probe of a search whose loss is no number says so; anything else that fails, fails', async () => {
  const batch = { image: new Float32Array(16 ** 3), classes: new Uint8Array(16 ** 3) };
  const failing = (error: Error) =>
    probeSearch(searchedPlan(), batch, new AbortController().signal, () => Promise.reject(error));
  expect(await failing(new VoxhelmError('diverged', 'no number at step 2'))).toEqual({
    cost: null,
    diverged: { of: 'architecture-search', reason: 'no number at step 2' },
  });
  await expect(failing(new VoxhelmError('out-of-memory', 'too large'))).rejects.toMatchObject({
    code: 'out-of-memory',
  });
});

it('a probe of a search has as many patches as the search will have, fewer than the training’s or more', async () => {
  const voxels = 16 ** 3;
  const batch = {
    image: Float32Array.from({ length: 2 * voxels }, (_, i) => i),
    classes: Uint8Array.from({ length: 2 * voxels }, (_, i) => (i < voxels ? 1 : 2)),
  };
  const probed = async (items: number) => {
    const { architectureSearch, ...plan } = { ...searchedPlan(), batchSize: 2 };
    const given = { 'architectureSearch.batchSize': GIVEN };
    const own = { ...plan, architectureSearch: { ...architectureSearch, batchSize: items }, reasons: given } as Plan;
    let seen = { image: new Float32Array(), classes: new Uint8Array() };
    await probeSearch(own, batch, new AbortController().signal, async (_, __, taken) => {
      seen = { ...taken } as typeof seen;
      return { openMs: 1, warmupStepMs: 1, stepMs: 1 };
    });
    expect(seen.image).toHaveLength(items * voxels);
    return [...seen.classes.filter((_, i) => i % voxels === 0)];
  };
  expect(await probed(1)).toEqual([1]);
  expect(await probed(2)).toEqual([1, 2]);
  expect(await probed(5)).toEqual([1, 2, 1, 2, 1]);
});

it('cuts cases into two halves that a seed decides', () => {
  const [a, b] = halves([1, 2, 3, 4, 5], 0);
  expect([...a, ...b].sort((x, y) => x - y)).toEqual([1, 2, 3, 4, 5]);
  expect(a).toHaveLength(3);
  expect(halves([1, 2, 3, 4, 5], 0)).toEqual([a, b]);
  expect(halves(['only'], 0)).toEqual([['only'], ['only']]);
});

function fail(): never {
  throw new Error('it is missing');
}
