import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AFFINE_TOLERANCE, writeNifti } from '@voxhelm/imaging/nifti';
import type { TrainingVolume } from '@voxhelm/imaging/patch-sampler';
import type { Affine, Vec3 } from '@voxhelm/imaging/volume';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tinyPlan } from '../fixtures/tiny-plan.ts';
import { openThreadPool, type ThreadPool } from './thread-pool.ts';

let folder: string;
let pool: ThreadPool;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-loader-'));
  pool = openThreadPool(1);
});

afterAll(async () => {
  await pool.close();
  await rm(folder, { recursive: true, force: true });
});

const SLICES = 601;

/** An image of 1 mm slices whose label's header has them a little thicker; the last slice is labelled. */
async function loaded(thickerMm: number, labelShape: Vec3 = [3, 2, SLICES]): Promise<TrainingVolume> {
  const shape: Vec3 = [3, 2, SLICES];
  const affine = (z: number): Affine => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, z, 0, 0, 0, 0, 1];
  const image = { shape, channels: 1, data: Float32Array.from({ length: 6 * SLICES }, (_, i) => i % 7) };
  const labels = Uint8Array.from({ length: 6 * labelShape[2] }, (_, i) => (i % SLICES === SLICES - 1 ? 2 : 0));
  const paths = ['image', 'label'].map((name) => join(folder, `${name}.nii.gz`)) as [string, string];
  await writeNifti(paths[0], { ...image, affine: affine(1) });
  await writeNifti(paths[1], { shape: labelShape, data: labels, affine: affine(1 + thickerMm) });
  const plan = tinyPlan();
  const preprocessing = { ...plan.preprocessing, spacingMm: [1, 1, 1] as [number, number, number] };
  const files = { caseId: 'long', images: [paths[0]], label: paths[1] };
  return (await pool.ask({ type: 'load-training', files, plan: { ...plan, preprocessing } })) as TrainingVolume;
}

test('a label whose header rounds its voxel size within what the check allows lies on its image’s grid, to the last slice', async () => {
  const { shape, classes } = await loaded(0.9 * AFFINE_TOLERANCE);
  expect(shape).toEqual([3, 2, SLICES]);
  expect([...classes.keys()].filter((i) => classes[i] !== 0).map((i) => i % SLICES)).toEqual(Array(6).fill(SLICES - 1));
});

test('a label of another shape than its image is refused, with both', async () => {
  await expect(loaded(0, [3, 2, SLICES - 1])).rejects.toThrow(
    'the label has 3 x 2 x 600 voxels, the image 3 x 2 x 601',
  );
});
