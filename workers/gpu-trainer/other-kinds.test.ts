import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkOf } from '@voxhelm/algorithms/networks';
import { plannerOf } from '@voxhelm/algorithms/planners';
import { CPU } from '@voxhelm/algorithms/planning-fixtures';
import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import type { Datalist, Modality } from '@voxhelm/contracts/dataset';
import type { Plan } from '@voxhelm/contracts/plan';
import type { PlanOverrides } from '@voxhelm/contracts/run';
import { checkAndAnalyze } from '@voxhelm/imaging/datasets/check-and-analyze';
import { readDatalist } from '@voxhelm/imaging/datasets/read-datalist';
import type { Batch } from '@voxhelm/imaging/patch-sampler';
import { type MadeNifti, makeNifti } from '@voxhelm/imaging/testing/make-nifti';
import { trainLoop } from '@voxhelm/nn/trainer';
import { openEngine, type TrainingEngine } from '@voxhelm/nn/training-engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadTrainingCases, loadValidationCases } from './jobs/load-cases.ts';
import { predictCases } from './jobs/validate.ts';
import { openBatchLoader } from './loader/batch-loader.ts';
import { openThreadPool, type ThreadPool } from './loader/thread-pool.ts';

/*
 * Small volumes of other kinds than the sample's, on their whole way: files, check and analysis, plan, a few steps of a tiny
 * network that must learn something, a label map on the image's own grid.
 */

/** Few, but after them the loss of the first batch must have fallen. */
const STEPS = 10;

type Triple = readonly [number, number, number];

/** A kind of dataset: what a voxel of a label looks like in each channel. */
interface Kind {
  readonly name: string;
  readonly modalities: readonly Modality[];
  readonly classes: number;
  readonly voxels: Triple;
  /** Of each case, or of all. */
  readonly spacingMm: Triple | readonly [Triple, Triple];
  /** Label of a voxel. */
  readonly label: (x: number, y: number, z: number) => number;
  readonly intensity: (label: number, channel: number, noise: number) => number;
  readonly algorithm: string;
  readonly tiny: PlanOverrides;
  /** Labels as nnU-Net's dataset.json has them: then the dataset lies in its layout. */
  readonly nnunet?: Readonly<Record<string, number | readonly number[]>>;
}

/** Nested boxes: 0 outside, the larger the label the deeper. */
const boxes = (size: Triple, most: number) => (x: number, y: number, z: number) => {
  const depth = Math.min(x, y, z, size[0] - 1 - x, size[1] - 1 - y, size[2] - 1 - z);
  return Math.max(0, Math.min(most, depth - 1));
};
/** 2 x 2 x 5 voxels, which of a hundred patches of 16^3 that lie anywhere in 40^3 one would hold. */
const isSpeck = (x: number, y: number, z: number) => Number(x >> 1 === 2 && y >> 1 === 2 && z >= 4 && z < 9);
const segresnet: PlanOverrides = { network: { init_filters: 4, blocks_down: [1, 1, 1] } };

const KINDS: readonly Kind[] = [
  {
    name: 'CT of thick slices',
    modalities: ['CT'],
    classes: 3,
    voxels: [40, 40, 8],
    spacingMm: [0.8, 0.8, 5],
    label: boxes([40, 40, 8], 2),
    intensity: (label, _, noise) => (label === 0 ? -900 : 40 * label) + 30 * noise,
    algorithm: 'segresnet',
    tiny: segresnet,
  },
  {
    name: 'four-channel MR of a brain in nothing, with groups of labels and voxels that nobody labelled',
    modalities: ['MRI', 'MRI', 'MRI', 'MRI'],
    classes: 4,
    voxels: [24, 24, 20],
    spacingMm: [1, 1, 1],
    label: (x, y, z) => (x < 3 ? 4 : boxes([24, 24, 20], 3)(x, y, z)),
    intensity: (label, channel, noise) => (label === 0 ? 0 : 100 * (channel + 1) + 50 * label + 10 * noise),
    algorithm: 'unet',
    tiny: {},
    nnunet: { background: 0, whole: [1, 2, 3], core: [2, 3], inmost: 3, ignore: 4 },
  },
  {
    name: 'PET and CT',
    modalities: ['CT', 'PET'],
    classes: 2,
    voxels: [24, 24, 24],
    spacingMm: [4, 4, 4],
    label: boxes([24, 24, 24], 1),
    intensity: (label, channel, noise) => (channel === 0 ? 40 + 20 * noise : 1 + 8 * label + noise),
    algorithm: 'segresnet',
    tiny: segresnet,
  },
  {
    name: '104 classes',
    modalities: ['CT'],
    classes: 105,
    voxels: [32, 32, 32],
    spacingMm: [1.5, 1.5, 1.5],
    label: (x, y, z) => ((x >> 2) * 64 + (y >> 2) * 8 + (z >> 2)) % 105,
    intensity: (label, _, noise) => 10 * label + 5 * noise,
    algorithm: 'segresnet',
    tiny: { ...segresnet, batchSize: 1 },
  },
  {
    name: 'one class of 20 voxels near a corner',
    modalities: ['MRI'],
    classes: 2,
    voxels: [40, 40, 40],
    spacingMm: [1, 1, 1],
    label: isSpeck,
    intensity: (label, _, noise) => 100 + 200 * label + 10 * noise,
    algorithm: 'segresnet',
    tiny: { ...segresnet, patchSize: [16, 16, 16], batchSize: 2 },
  },
  {
    name: 'MR in nothing, of two voxel sizes',
    modalities: ['MRI'],
    classes: 2,
    voxels: [24, 24, 20],
    spacingMm: [
      [1, 1, 1],
      [1, 1, 1.25],
    ],
    label: boxes([24, 24, 20], 1),
    intensity: (label, _, noise) => (label === 0 ? 0 : 100 + 10 * noise),
    algorithm: 'unet',
    tiny: { patchSize: [16, 16, 16] },
  },
];

let root: string;
let pool: ThreadPool;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'voxhelm-kinds-'));
  pool = openThreadPool(1);
});
afterAll(async () => {
  await pool.close();
  await rm(root, { recursive: true });
});

/** Values in a file's order, x fastest. */
function volumeOf({ voxels: [sx, sy, sz] }: Kind, value: (x: number, y: number, z: number) => number): number[] {
  return Array.from({ length: sx * sy * sz }, (_, i) =>
    value(i % sx, Math.floor(i / sx) % sy, Math.floor(i / sx / sy)),
  );
}

const CASES = ['case_1', 'case_2'];

function spacingOfCase({ spacingMm: [first, second, third] }: Kind, number: number): Triple {
  if (typeof first === 'number') return [first, second as number, third as number];
  return (number === 0 ? first : second) as Triple;
}

/** Files of a case's image: one, or in nnU-Net's layout one a channel. */
function imagesOf(kind: Kind, folder: string, name: string): string[] {
  if (kind.nnunet === undefined) return [join(folder, 'imagesTr', `${name}.nii`)];
  return kind.modalities.map((_, channel) => join(folder, 'imagesTr', `${name}_000${channel}.nii`));
}

/** Two cases in Decathlon's or nnU-Net's layout. */
async function writeDataset(kind: Kind): Promise<string> {
  const folder = await mkdtemp(join(root, 'kind-'));
  for (const part of ['imagesTr', 'labelsTr']) await mkdir(join(folder, part), { recursive: true });
  for (const [number, name] of CASES.entries()) {
    const file = (made: Pick<MadeNifti, 'dims' | 'values' | 'datatype'>) =>
      makeNifti({ ...made, pixdim: spacingOfCase(kind, number) });
    const channels = kind.modalities.map((_, channel) =>
      volumeOf(kind, (x, y, z) =>
        kind.intensity(kind.label(x, y, z), channel, Math.sin(number + 3 * x + 5 * y + 7 * z)),
      ),
    );
    const paths = imagesOf(kind, folder, name);
    const parts = paths.length === 1 ? [channels.flat()] : channels;
    const dims = paths.length > 1 || channels.length === 1 ? kind.voxels : [...kind.voxels, channels.length];
    for (const [part, path] of paths.entries()) {
      await writeFile(path, file({ dims, values: parts[part] ?? [], datatype: 'float32' }));
    }
    const labels = file({ dims: kind.voxels, values: volumeOf(kind, kind.label), datatype: 'uint8' });
    await writeFile(join(folder, 'labelsTr', `${name}.nii`), labels);
  }
  await writeFile(join(folder, 'dataset.json'), JSON.stringify(descriptionOf(kind)));
  return folder;
}

function descriptionOf(kind: Kind) {
  const channels = Object.fromEntries(kind.modalities.map((modality, index) => [String(index), modality]));
  const numTraining = CASES.length;
  if (kind.nnunet !== undefined)
    return { channel_names: channels, labels: kind.nnunet, numTraining, file_ending: '.nii' };
  const labels = Array.from({ length: kind.classes }, (_, value) => [String(value), `structure ${value}`] as const);
  return {
    name: kind.name,
    modality: channels,
    labels: Object.fromEntries(labels.map(([value, name]) => [value, value === '0' ? 'background' : name])),
    numTraining,
    numTest: 0,
    training: CASES.map((name) => ({ image: `./imagesTr/${name}.nii`, label: `./labelsTr/${name}.nii` })),
    test: [],
  };
}

function planFor(kind: Kind, summary: AnalysisSummary, { ignoreLabel, labelGroups }: Datalist): Plan {
  return plannerOf(kind.algorithm).plan({
    summary,
    device: CPU,
    labels: Array.from({ length: kind.classes }, (_, value) => ({ value, name: `label ${value}` })),
    modalities: kind.modalities,
    trainingCases: 2,
    fold: 0,
    ignoreLabel: ignoreLabel ?? null,
    labelGroups: labelGroups ?? null,
    overrides: { steps: STEPS, precision: 'float32', ...kind.tiny },
  });
}

/**
 * Trains on the first case and predicts the second. The last batch is the first one again, so that its losses before and
 * after can be compared; `patches` holds the classes of each patch seen.
 */
async function trainAndPredict(kind: Kind, plan: Plan, folder: string) {
  const files = CASES.map((caseId) => ({
    caseId,
    images: imagesOf(kind, folder, caseId),
    label: join(folder, 'labelsTr', `${caseId}.nii`),
  }));
  const volumes = await loadTrainingCases(pool, files.slice(0, 1), plan, () => undefined);
  const validation = await loadValidationCases(pool, files.slice(1), plan, () => undefined);
  const loader = await openBatchLoader({ pool, volumes, plan, seed: 1, lastStep: STEPS });
  const batches: Batch[] = [];
  for (let step = 1; step <= STEPS; step++) batches.push(await loader.next(step));
  let predicted: Awaited<ReturnType<typeof predictCases>> = [];
  const losses: number[] = [];
  const result = await trainLoop({
    network: networkOf(plan.network),
    plan,
    seed: 1,
    startFrom: null,
    signal: new AbortController().signal,
    nextBatch: async (step) => batches[step === STEPS ? 0 : step - 1] as Batch,
    async validate(predictor) {
      predicted = await predictCases(predictor, validation, plan);
      return { dice: predicted[0]?.dice ?? null, diceByClass: {} };
    },
    saveLast: async () => undefined,
    saveBest: async () => undefined,
    openEngine: async (network, own) => {
      const engine = await openEngine(network, own);
      const step: TrainingEngine['step'] = async (batch, numbers) => {
        await engine.step(batch, numbers);
        losses.push((await engine.status()).loss);
      };
      return { ...engine, step };
    },
  });
  const voxels = plan.patchSize.reduce((product, size) => product * size, 1);
  const patches = batches.flatMap(({ classes }) =>
    Array.from({ length: classes.length / voxels }, (_, i) => classes.subarray(i * voxels, (i + 1) * voxels)),
  );
  return { result, losses, predicted, patches };
}

test.each(KINDS)(
  '$name: from files to a label map',
  async (kind) => {
    const folder = await writeDataset(kind);
    const datalist = await readDatalist(folder);
    const { check, analysis } = await checkAndAnalyze(datalist, { workers: 1 });
    expect(check.findings).toEqual([]);
    if (analysis === null) throw new Error('no analysis');
    expect(analysis.summary.image_foreground_stats.pooled).toHaveLength(kind.modalities.length);
    const plan = planFor(kind, analysis.summary, datalist);
    expect(plan.labelGroups?.map(({ writes }) => writes)).toEqual(kind.nnunet === undefined ? undefined : [1, 2, 3]);
    expect(plan.preprocessing.spacingMm === null).toBe(typeof kind.spacingMm[0] === 'number');
    const { result, losses, predicted, patches } = await trainAndPredict(kind, plan, folder);
    expect(result).toMatchObject({ outcome: 'completed', step: STEPS });
    expect(losses.every(Number.isFinite)).toBe(true);
    // Of the first batch, before any update and after all but one.
    expect(losses.at(-1)).toBeLessThan(0.99 * (losses[0] as number));
    // A speck that patches miss is never learnt.
    const share = patches.filter((classes) => classes.includes(1)).length / patches.length;
    expect(share).toBeGreaterThan(0.25);
    const [map] = predicted;
    expect(map?.labels).toHaveLength(kind.voxels[0] * kind.voxels[1] * kind.voxels[2]);
    expect(Math.max(...(map?.labels ?? []))).toBeLessThan(kind.classes);
    expect(map?.probabilities.every((p) => p >= 0 && p <= 1.0001)).toBe(true);
  },
  60_000,
);
