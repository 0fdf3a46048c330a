import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gpu, HIPPOCAMPUS, planInput } from '@voxhelm/algorithms/planning-fixtures';
import { unet } from '@voxhelm/algorithms/unet/plan';
import { planUnet } from '@voxhelm/algorithms/unet/topology';
import { expect, test } from 'vitest';

/*
 * nnU-Net's planning rules: from the fingerprint that nnU-Net 2.8.1 took of 200 cases our planner comes to nnU-Net's own 3-D
 * plan of them.
 */

type Triple = [number, number, number];

interface Fingerprint {
  spacings: Triple[];
  shapes_after_crop: Triple[];
}

interface Plans {
  configurations: {
    '3d_fullres': {
      batch_size: number;
      patch_size: Triple;
      spacing: Triple;
      median_image_size_in_voxels: Triple;
      normalization_schemes: string[];
      architecture: { network_class_name: string; arch_kwargs: Record<string, unknown> };
    };
  };
}

async function reference<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(join(import.meta.dirname, `reference/${name}.json`), 'utf8')) as T;
}

/** What nnU-Net plans for a made-up dataset of equal cases (reference/make_nnunet.py); axes x, y, z. */
interface MadeUpPlan {
  voxels: Triple;
  spacingMm: Triple;
  cases: number;
  gigabytes: number;
  patchSize: Triple;
  batchSize: number;
  strides: Triple[];
  kernels: Triple[];
  features: number[];
}

/** Their axes are z, y, x. */
function turned([z, y, x]: Triple): Triple {
  return [x, y, z];
}

/** Along each axis the value at a share of the sorted ones. */
function atShare(values: readonly Triple[], share: number): Triple {
  return [0, 1, 2].map((axis) => {
    const sorted = values.map((value) => value[axis] as number).sort((a, b) => a - b);
    const at = share * (sorted.length - 1);
    return ((sorted[Math.floor(at)] ?? 0) + (sorted[Math.ceil(at)] ?? 0)) / 2;
  }) as Triple;
}

test("the plan from nnU-Net's fingerprint is nnU-Net's own 3-D plan: spacing, patch, batch, network", async () => {
  const { spacings, shapes_after_crop: shapes } = await reference<Fingerprint>('nnunet-fingerprint');
  const { configurations } = await reference<Plans>('nnunet-plans');
  const theirs = configurations['3d_fullres'];
  const spread = (values: Triple[]): [Triple, Triple, Triple] =>
    [0, 0.5, 1].map((share) => turned(atShare(values, share))) as [Triple, Triple, Triple];
  const dataset = { ...HIPPOCAMPUS, cases: shapes.length, voxels: spread(shapes), spacingMm: spread(spacings) };
  // Half of the memory counts, for single precision: nnU-Net's default of 8 GB.
  const ours = unet.plan(planInput(dataset, { device: gpu(16) }));

  expect(spread(shapes)[1]).toEqual(turned(theirs.median_image_size_in_voxels));
  expect(ours.patchSize).toEqual(turned(theirs.patch_size));
  expect(ours.batchSize).toBe(theirs.batch_size);
  // No resampling: every case has the spacing that theirs resamples to.
  expect(spread(spacings)).toEqual(Array(3).fill(turned(theirs.spacing)));
  expect(ours.preprocessing.spacingMm).toBeNull();
  expect(theirs.normalization_schemes).toEqual(['ZScoreNormalization']);
  expect(ours.preprocessing.normalization).toEqual([{ mode: 'zscore' }]);
  const { architecture } = theirs;
  expect(architecture.network_class_name).toContain(ours.network.class);
  const { dropout_op: _, dropout_op_kwargs: __, nonlin_kwargs: ___, ...kwargs } = architecture.arch_kwargs;
  expect(ours.network.options).toMatchObject(kwargs);
});

test('made-up datasets, many with axes that are alike: patch, batch and network as nnU-Net plans them', async () => {
  const theirs = await reference<MadeUpPlan[]>('nnunet-made-up');
  const ours = theirs.map(({ voxels, spacingMm, cases, gigabytes }) => {
    const memory = { memoryGb: gigabytes, mostVoxels: Number.POSITIVE_INFINITY };
    const problem = { spacingMm, medianVoxels: voxels, trainingCases: cases, classes: 3, baseFeatures: 32, ...memory };
    const { topology, features, batchSize } = planUnet(problem);
    const { patchSize, strides, kernels } = topology;
    return { voxels, spacingMm, cases, gigabytes, patchSize, batchSize, strides, kernels, features };
  });
  expect(theirs.length).toBeGreaterThan(10);
  expect(ours).toEqual(theirs);
});
