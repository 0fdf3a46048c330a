import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EnsembleJob, TrainingCase } from '@voxhelm/contracts/jobs';
import { encodeNifti, readLabel } from '@voxhelm/imaging/nifti';
import { seededRandom } from '@voxhelm/imaging/random';
import type { LabelMap } from '@voxhelm/imaging/volume';
import { memoryTensors } from '@voxhelm/nn/engine';
import { type ArtifactStore, folderStore, writeJson } from '@voxhelm/storage/artifact-store';
import { afterAll, describe, expect, test } from 'vitest';
import { buildEnsemble } from './build-ensemble.ts';
import { readBundle } from './bundle-read.ts';
import { predictFolder } from './predict.ts';
import { encodeProbabilities } from './probabilities.ts';
import { randomWeights, tinyPlan } from './testing.ts';

const samples = join(import.meta.dirname, '..', 'samples', 'hippocampus');
const root = mkdtempSync(join(tmpdir(), 'voxhelm-ensemble-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const store = folderStore(join(root, 'store'));

interface MemberSpec {
  readonly trialId: string;
  readonly fold: number;
  /** Fraction of voxels that the stored predictions get wrong. */
  readonly errors: number;
  /** Stored predictions of cases that the member trained on; they must not count. */
  readonly alsoStores?: 'perfect cases of the other fold';
}

/** Four training cases in two folds and a test case of the samples. */
async function sampleCases(testLabels: boolean): Promise<TrainingCase[]> {
  const training = (await readdir(join(samples, 'imagesTr'))).sort().slice(0, 4);
  const testing = (await readdir(join(samples, 'imagesTs'))).sort().slice(0, 1);
  const one = (name: string, part: 'Tr' | 'Ts', fold: number | null): TrainingCase => ({
    caseId: name.replace('.nii.gz', ''),
    images: [join(samples, `images${part}`, name)],
    label: fold === null && !testLabels ? null : join(samples, `labels${part}`, name),
    fold,
  });
  return [
    ...training.map((name, index) => one(name, 'Tr', index % 2)),
    ...testing.map((name) => one(name, 'Ts', null)),
  ];
}

/** Class probabilities that are the truth but for some voxels. */
function noisyTruth(truth: LabelMap, errors: number, seed: string): Float32Array {
  const plan = tinyPlan();
  const classes = truth.data.map((value) => value);
  const random = seededRandom(7, seed);
  const size = classes.length;
  const probabilities = new Float32Array(3 * size);
  for (let voxel = 0; voxel < size; voxel++) {
    const own =
      random() < errors ? Math.floor(random() * 3) : plan.labels.findIndex((one) => one.value === classes[voxel]);
    for (let index = 0; index < 3; index++) probabilities[index * size + voxel] = index === own ? 0.8 : 0.1;
  }
  return probabilities;
}

async function storeMember(spec: MemberSpec, cases: readonly TrainingCase[]): Promise<unknown> {
  const plan = { ...tinyPlan({ filters: 2, patchSize: [40, 56, 40] }), fold: spec.fold };
  const prefix = `trials/${spec.trialId}`;
  const stored = [];
  for (const one of cases.filter((other) => other.fold === spec.fold || (spec.alsoStores && other.fold !== null))) {
    const truth = await readLabel(one.label!);
    const errors = one.fold === spec.fold ? spec.errors : 0;
    const bytes = encodeProbabilities(noisyTruth(truth, errors, spec.trialId + one.caseId), 3, truth.shape);
    const probabilities = await store.write(`${prefix}/${one.caseId}.safetensors`, bytes);
    const labelMap = await store.write(`${prefix}/${one.caseId}.nii.gz`, encodeNifti(truth, true));
    stored.push({ caseId: one.caseId, dice: 0.5, diceByClass: {}, probabilities, labelMap });
  }
  const predictions = { schemaVersion: 1, trialId: spec.trialId, fold: spec.fold, step: 10, cases: stored };
  return {
    trialId: spec.trialId,
    algorithm: 'segresnet',
    fold: spec.fold,
    step: 10,
    validationDice: 1 - spec.errors,
    plan: await writeJson(store, `${prefix}/plan.json`, plan),
    checkpoint: await store.write(`${prefix}/best.safetensors`, randomWeights(plan, spec.fold)),
    predictions: await writeJson(store, `${prefix}/predictions.json`, predictions),
  };
}

async function jobOf(
  specs: readonly MemberSpec[],
  change: Partial<EnsembleJob> = {},
  testLabels = false,
): Promise<EnsembleJob> {
  const cases = await sampleCases(testLabels);
  const members = [];
  for (const spec of specs) members.push(await storeMember(spec, cases));
  const trials = specs.map((spec, number) => ({
    trialId: spec.trialId,
    number,
    kind: 'search',
    algorithm: 'segresnet',
    fold: spec.fold,
    state: 'completed',
    steps: 10,
    bestDice: 0.5,
    diceByClass: {},
    point: {},
    curves: {
      loss: [
        [0, 1],
        [10, 0.5],
      ],
    },
  }));
  return {
    kind: 'ensemble',
    runId: 'run-1',
    name: 'A <b>run</b>',
    members: await writeJson(store, 'members.json', members),
    cases: await writeJson(store, 'cases.json', cases),
    datasetFingerprint: 'cd'.repeat(32),
    report: await writeJson(store, 'report.json', { runId: 'run-1', name: 'A run', datasetName: 'samples', trials }),
    seed: 3,
    createdAt: '2026-11-24T00:00:00.000Z',
    artifactPrefix: 'runs/run-1/ensemble',
    // No time for flips: the tests must not depend on how busy the machine is.
    budgetMs: 1e-3,
    ...change,
  };
}

function build(job: EnsembleJob, to: ArtifactStore = store, signal = new AbortController().signal) {
  const phases: string[] = [];
  const result = buildEnsemble(job, to, { onProgress: ({ phase }) => phases.push(phase), signal });
  return result.then((value) => ({ ...value, phases }));
}

const twoFolds: MemberSpec[] = [
  { trialId: 'fold-0', fold: 0, errors: 0.1 },
  { trialId: 'fold-1', fold: 1, errors: 0.1 },
];

describe('the ensemble job', () => {
  test('chooses, scores the test cases once, and hands back a bundle that predicts the same', async () => {
    const before = memoryTensors();
    const result = await build(await jobOf(twoFolds, {}, true));
    expect(memoryTensors()).toBe(before);
    expect(result.plan.chosen).toMatchObject({
      rule: 'best-per-fold',
      trialIds: ['fold-0', 'fold-1'],
      validationCases: 4,
    });
    expect(result.plan.chosen.validationDice).toBeGreaterThan(0.3);
    expect(result.phases.filter((phase) => phase === 'test')).toHaveLength(1);
    const { manifest } = await readBundle(await store.localPath(result.bundle));
    expect(manifest.ensemble).toEqual(result.plan);
    expect(manifest.test?.mean.dice).toBe(result.testDice);

    const input = join(root, 'images');
    await mkdir(input);
    const names = (await readdir(join(samples, 'imagesTs'))).sort().slice(0, 1);
    for (const name of names) await copyFile(join(samples, 'imagesTs', name), join(input, name));
    await predictFolder({ bundlePath: await store.localPath(result.bundle), input, output: join(root, 'results') });
    for (const name of names) {
      const stored = await store.find(`runs/run-1/ensemble/test/${name}`);
      const own = await readLabel(await store.localPath(stored!));
      expect((await readLabel(join(root, 'results', name))).data).toEqual(own.data);
    }
    const page = (await store.read(result.reportHtml)).toString();
    expect(page).toContain('A &lt;b&gt;run&lt;/b&gt;');
    expect(page.match(/data:image\/png/g)?.length).toBe(1);
  });

  test('gives the same bundle for the same inputs', async () => {
    const job = await jobOf(twoFolds, {}, true);
    const first = await build(job);
    const second = await build({ ...job, artifactPrefix: 'runs/again' });
    expect(second.bundle.sha256).toBe(first.bundle.sha256);
    expect(second.plan).toEqual(first.plan);
  });

  test('counts no prediction of a case that the member trained on', async () => {
    // Perfect on the cases that it trained on: if those counted, this member alone would beat every other.
    const result = await build(
      await jobOf([
        { trialId: 'fold-0', fold: 0, errors: 0.1 },
        { trialId: 'cheat', fold: 1, errors: 0.4, alsoStores: 'perfect cases of the other fold' },
      ]),
    );
    const alone = result.plan.candidates.find((one) => one.trialIds.join() === 'fold-0')!;
    expect(alone.validationCases).toBe(2);
    const both = result.plan.candidates.find((one) => one.rule === 'best-per-fold' && one.fusion.mode === 'mean')!;
    expect(both.validationDice).toBeLessThan(alone.validationDice!);
  });

  test('tries flips where there is time, on the axes that training mirrored', async () => {
    const result = await build(await jobOf(twoFolds, { budgetMs: null }));
    expect(result.phases).toContain('flips');
    expect(result.plan.candidates.some((one) => JSON.stringify(one.fusion.flips) === '[[0]]')).toBe(true);
    // The networks are untrained, so flipped predictions are far worse than the stored ones.
    expect(result.plan.chosen.fusion.flips).toEqual([]);
  });

  test('scores nothing where no test case has a label', async () => {
    const result = await build(await jobOf(twoFolds));
    expect([result.test, result.testDice, result.testHd95Mm]).toEqual([null, null, null]);
    expect((await readBundle(await store.localPath(result.bundle))).manifest.test).toBeNull();
  });

  test('stops when asked to', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(build(await jobOf(twoFolds), store, controller.signal)).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('says what is wrong where there is no member', async () => {
    await expect(build(await jobOf([]))).rejects.toMatchObject({ code: 'invalid-request' });
  });
});
