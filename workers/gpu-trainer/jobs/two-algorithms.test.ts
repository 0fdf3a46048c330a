import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plannerOf } from '@voxhelm/algorithms/planners';
import { HIPPOCAMPUS, planInput } from '@voxhelm/algorithms/planning-fixtures';
import type { ArtifactRef } from '@voxhelm/contracts/artifact';
import { EnsembleCandidateMember, type EnsembleJob, type TrainingCase, TrainResult } from '@voxhelm/contracts/jobs';
import type { PlanOverrides } from '@voxhelm/contracts/run';
import { buildEnsemble } from '@voxhelm/ensembler/build-ensemble';
import { readBundle } from '@voxhelm/ensembler/bundle-read';
import { type ArtifactStore, folderStore, writeJson } from '@voxhelm/storage/artifact-store';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeApi, startFakeApi } from '../fixtures/fake-api.ts';
import type { JobRequest } from '../messages.ts';
import { superviseJob } from '../supervise.ts';

/*
 * Two algorithms of one run on real cases, each in a process of its own beside the other, and the ensemble of what they learned.
 */

const SAMPLES = join(import.meta.dirname, '../../../samples/hippocampus');
const ENTRY = new URL('../job.ts', import.meta.url);
const NETWORKS: Readonly<Record<string, PlanOverrides['network']>> = {
  segresnet: { init_filters: 8, blocks_down: [1, 1, 1] },
  unet: { features_per_stage: [8, 16, 32, 32] },
};

let root: string;
let store: ArtifactStore;
let api: FakeApi;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'voxhelm-two-'));
  store = folderStore(root);
  api = await startFakeApi();
});
afterAll(async () => {
  await api.close();
  await rm(root, { recursive: true });
});

/** Runs a job in a child process, as a trainer does. */
async function run(job: JobRequest['job']): Promise<unknown> {
  const settings = { url: api.url, apiKey: undefined, artifacts: root, caseCache: null };
  const outcome = await superviseJob({
    entry: ENTRY,
    request: { type: 'job', job, attempt: 1, smaller: 0, settings },
    signal: new AbortController().signal,
    onProgress: () => undefined,
  });
  if (!outcome.ok) throw new Error(`${outcome.error.code}: ${outcome.error.message}\n${outcome.logTail}`);
  return outcome.value;
}

/** Four cases to train on, two to validate on, one to test on. */
function sampleCases(): TrainingCase[] {
  const one = (number: string, part: 'Tr' | 'Ts', fold: number | null): TrainingCase => ({
    caseId: number,
    images: [join(SAMPLES, `images${part}/hippocampus_${number}.nii.gz`)],
    label: join(SAMPLES, `labels${part}/hippocampus_${number}.nii.gz`),
    fold,
  });
  const training = ['001', '003', '007', '011', '014', '015'].map((number, i) => one(number, 'Tr', i < 2 ? 0 : 1));
  return [...training, one('052', 'Ts', null)];
}

/** Trains an algorithm's small network for some steps on fold 1 and validates it on fold 0. */
async function train(algorithm: string, cases: ArtifactRef): Promise<EnsembleCandidateMember> {
  const overrides: PlanOverrides = {
    patchSize: [32, 32, 32],
    batchSize: 1,
    network: NETWORKS[algorithm],
    steps: 50,
    learningRate: 5e-3,
    validateEverySteps: 50,
    augmentation: [],
  };
  const planned = plannerOf(algorithm).plan(planInput(HIPPOCAMPUS, { overrides }));
  const plan = await writeJson(store, `${algorithm}/plan.json`, planned);
  const own = { runId: 'run', trialId: algorithm, fold: 0, artifactPrefix: `trials/${algorithm}` };
  const job = { ...own, kind: 'train', plan, cases, seed: 3, lease: 1, prunable: false, ends: null } as const;
  const { outcome, step, bestDice, best, predictions } = TrainResult.parse(await run(job));
  expect(outcome).toBe('completed');
  const found = { validationDice: bestDice, checkpoint: best?.artifact, predictions };
  return EnsembleCandidateMember.parse({ trialId: algorithm, algorithm, fold: 0, step, plan, ...found });
}

/** The ensemble of these members, and the network class of each of its bundle's. */
async function ensembleOf(members: EnsembleCandidateMember[], cases: ArtifactRef) {
  const job: EnsembleJob = {
    kind: 'ensemble',
    runId: 'run',
    name: 'two algorithms',
    members: await writeJson(store, 'members.json', members),
    cases,
    datasetFingerprint: 'cd'.repeat(32),
    report: await writeJson(store, 'report.json', { runId: 'run', name: 'two', datasetName: 'samples', trials: [] }),
    seed: 3,
    createdAt: '2026-11-25T00:00:00.000Z',
    artifactPrefix: 'runs/run/ensemble',
    // No time for flips.
    budgetMs: 1e-3,
  };
  const watch = { onProgress: () => undefined, signal: new AbortController().signal };
  const result = await buildEnsemble(job, store, watch);
  const { manifest } = await readBundle(await store.localPath(result.bundle));
  return { ...result, classes: manifest.members.map(({ plan }) => plan.network.class) };
}

test('two algorithms train beside each other, and the ensemble has a model of each, for none is clearly better', async () => {
  const cases = await writeJson(store, 'cases.json', sampleCases());
  const members = await Promise.all(Object.keys(NETWORKS).map((algorithm) => train(algorithm, cases)));
  for (const { validationDice } of members) expect(validationDice).toBeGreaterThan(0.4);

  const { plan, classes, testDice } = await ensembleOf(members, cases);
  JSON.stringify(plan), expect(plan.chosen).toMatchObject({ rule: 'diverse', n: 2 });
  expect(classes.sort()).toEqual(['PlainConvUNet', 'SegResNetDS']);
  expect(testDice).toBeGreaterThan(0.4);

  // Where one algorithm has learned much less, its model stays out.
  const [better, other] = members as [EnsembleCandidateMember, EnsembleCandidateMember];
  const alone = await ensembleOf([better, { ...other, validationDice: 0.1 }], cases);
  expect(alone.plan.chosen.trialIds).toEqual([better.trialId]);
});
