import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeNifti } from '../nifti.ts';
import { type Affine, IDENTITY_AFFINE, type Vec3, voxelCount } from '../volume.ts';
import { loadSample } from './files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-transform-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SHAPE: Vec3 = [4, 3, 2];

async function loadWith(label: { readonly shape?: Vec3; readonly affine?: Affine }) {
  const { shape = SHAPE, affine = IDENTITY_AFFINE } = label;
  const [images, path] = [[join(folder, 'image.nii')], join(folder, 'label.nii')];
  const data = Float32Array.from({ length: voxelCount(SHAPE) }, (_, i) => i);
  await writeNifti(images[0] as string, { shape: SHAPE, channels: 1, data, affine: IDENTITY_AFFINE });
  await writeNifti(path, { shape, data: new Uint8Array(voxelCount(shape)), affine });
  return loadSample({ images, label: path });
}

test('a label that lies on another grid than its image is refused: what moves both would part them', async () => {
  const mirrored = [-1, 0, 0, 3, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  await expect(loadWith({ affine: mirrored })).rejects.toThrow(/label\.nii: lies elsewhere than the image/);
  await expect(loadWith({ shape: [4, 3, 3] })).rejects.toThrow(/label\.nii: has 4 x 3 x 3 voxels, the image 4 x 3 x 2/);
});

test('a header that differs in the last digits is the image’s', async () => {
  const { image, label } = await loadWith({ affine: IDENTITY_AFFINE.map((one, i) => (i === 10 ? 1.0005 : one)) });
  expect(label?.affine).toEqual(image.affine);
});
