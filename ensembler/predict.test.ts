import { mkdtempSync, rmSync } from 'node:fs';
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readImage, readLabel, writeNifti } from '@voxhelm/imaging/nifti';
import type { Volume } from '@voxhelm/imaging/volume';
import { memoryTensors } from '@voxhelm/nn/engine';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { writeBundle } from './bundle-write.ts';
import { predictFolder } from './predict.ts';
import { listInputs } from './predict-inputs.ts';
import { tinyBundle, tinyPlan } from './testing.ts';

const samples = join(import.meta.dirname, '..', 'samples', 'hippocampus', 'imagesTs');
const root = mkdtempSync(join(tmpdir(), 'voxhelm-predict-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folder: string;
beforeEach(async () => {
  folder = mkdtempSync(join(root, 'test-'));
  await mkdir(join(folder, 'in'));
});

/** One window holds a whole sample image, so that the tests are quick. */
const patchSize: [number, number, number] = [40, 56, 40];

async function bundle(plans = [tinyPlan({ patchSize })], fusion?: Parameters<typeof tinyBundle>[1]): Promise<string> {
  const path = join(folder, 'bundle.zip');
  const { draft, files } = tinyBundle(plans, fusion);
  await writeBundle(path, draft, files);
  return path;
}

/** Copies the first sample images to the input folder. */
async function sampleInputs(count: number): Promise<string[]> {
  const names = (await readdir(samples)).sort().slice(0, count);
  for (const name of names) await copyFile(join(samples, name), join(folder, 'in', name));
  return names;
}

/** A small image in which nothing is symmetric, at an oblique place, its axes turned to [S, L, A] and 0.5 x 2 x 1 mm. */
function turnedImage(channels = 1): Volume {
  const shape = [24, 10, 14] as const;
  const size = shape[0] * shape[1] * shape[2];
  const data = Float32Array.from({ length: channels * size }, (_, index) => 1 + ((index * 7919) % 101));
  return { shape, channels, data, affine: [0, -2, 0, 12.5, 0.05, 0, 1, -7, 0.5, 0, 0.25, 33.25, 0, 0, 0, 1] };
}

describe('predict', () => {
  test('writes each result under its name, on the own grid and affine', async () => {
    const names = await sampleInputs(2);
    await writeNifti(join(folder, 'in', 'turned.nii'), turnedImage());
    const before = memoryTensors();
    const seen: number[] = [];
    const { written } = await predictFolder({
      bundlePath: await bundle([tinyPlan(), tinyPlan({ fold: 1, spacingMm: [1.5, 1.5, 1.5] })]),
      input: join(folder, 'in'),
      output: join(folder, 'out'),
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    expect(memoryTensors()).toBe(before);
    expect(seen).toEqual([1 / 3, 2 / 3, 1]);
    expect(written).toEqual([...names, 'turned.nii'].map((name) => join(folder, 'out', name)));
    expect((await readdir(join(folder, 'out'))).sort()).toEqual([...names, 'turned.nii']);
    const found = new Set<number>();
    for (const path of written) {
      const image = await readImage([path.replace(join(folder, 'out'), join(folder, 'in'))]);
      const label = await readLabel(path);
      expect(label.shape).toEqual(image.shape);
      expect(label.affine).toEqual(image.affine);
      for (const value of label.data) found.add(value);
    }
    expect([...found].every((value) => [0, 1, 2].includes(value))).toBe(true);
    expect(found.size).toBeGreaterThan(1);
  });

  test('is the same for one file, and with flips it is another', async () => {
    const [name] = await sampleInputs(1);
    const input = join(folder, 'in', name!);
    const run = async (path: string, output: string) => {
      await predictFolder({ bundlePath: path, input, output: join(folder, output) });
      return readLabel(join(folder, output, name!));
    };
    const plain = await run(await bundle(), 'a');
    expect((await run(await bundle(), 'b')).data).toEqual(plain.data);
    const flipped = await bundle([tinyPlan({ patchSize })], { mode: 'mean', flips: [[0], [1]], largestComponent: [] });
    expect((await run(flipped, 'c')).data).not.toEqual(plain.data);
  });

  test('an image that cannot be read does not stop the others; all failures are told at once', async () => {
    const [name] = await sampleInputs(1);
    await writeFile(join(folder, 'in', 'a-broken.nii.gz'), 'not a NIfTI file');
    await writeFile(join(folder, 'in', 'z-broken.nii'), 'neither');
    await writeNifti(join(folder, 'in', 'nan.nii'), {
      ...turnedImage(),
      data: turnedImage().data.fill(Number.NaN, 5, 6),
    });
    await writeNifti(join(folder, 'in', 'channels.nii'), turnedImage(2));
    const attempt = predictFolder({
      bundlePath: await bundle(),
      input: join(folder, 'in'),
      output: join(folder, 'out'),
    });
    await expect(attempt).rejects.toMatchObject({ code: 'bad-image' });
    const message = String(await attempt.catch((error: unknown) => error));
    for (const part of ['4 of 5', 'a-broken.nii.gz', 'z-broken.nii', 'NaN', '2 channel(s)'])
      expect(message).toContain(part);
    expect(await readdir(join(folder, 'out'))).toEqual([name]);
  });

  test('takes one file per channel, and writes under the case name', async () => {
    const image = turnedImage(2);
    const size = image.data.length / 2;
    const one = (channel: number): Volume => ({
      ...image,
      channels: 1,
      data: image.data.slice(channel * size, (channel + 1) * size),
    });
    await writeNifti(join(folder, 'in', 'split_0000.nii.gz'), one(0));
    await writeNifti(join(folder, 'in', 'split_0001.nii.gz'), one(1));
    await writeNifti(join(folder, 'in', 'whole.nii'), image);
    const path = await bundle([tinyPlan({ channels: 2 })]);
    await predictFolder({ bundlePath: path, input: join(folder, 'in'), output: join(folder, 'out') });
    expect((await readdir(join(folder, 'out'))).sort()).toEqual(['split.nii.gz', 'whole.nii']);
    expect((await readLabel(join(folder, 'out', 'split.nii.gz'))).data).toEqual(
      (await readLabel(join(folder, 'out', 'whole.nii'))).data,
    );
  });

  test("refuses to write into the input's folder, before anything is read", async () => {
    const [name] = await sampleInputs(1);
    for (const input of [join(folder, 'in'), join(folder, 'in', name!)]) {
      await expect(
        predictFolder({ bundlePath: '/nowhere.zip', input, output: join(folder, 'out', '..', 'in') }),
      ).rejects.toMatchObject({ code: 'invalid-request' });
    }
  });

  test('says so where there is nothing to predict', async () => {
    const path = await bundle();
    const run = (input: string) => predictFolder({ bundlePath: path, input, output: join(folder, 'out') });
    await expect(run(join(folder, 'in'))).rejects.toMatchObject({ code: 'invalid-request' });
    await expect(run(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('inputs', () => {
  const names = async (channels: number, files: readonly string[], input = join(folder, 'in')) => {
    for (const name of files) await writeFile(join(folder, 'in', name), '');
    return (await listInputs(input, channels)).map(({ outputName, images, fault }) => ({
      outputName,
      files: images.length,
      fault,
    }));
  };

  test('with one channel a name that ends like a channel is kept as it is', async () => {
    expect(await names(1, ['a_0000.nii.gz', '._a.nii.gz', 'notes.txt'])).toEqual([
      { outputName: 'a_0000.nii.gz', files: 1, fault: null },
    ]);
  });

  test('a case with a missing or surplus channel is told, not guessed', async () => {
    const found = await names(2, ['a_0000.nii.gz', 'b_0000.nii', 'b_0001.nii', 'b_0002.nii']);
    expect(found).toEqual([
      { outputName: 'a.nii.gz', files: 1, fault: 'channel _0001 is missing' },
      { outputName: 'b.nii', files: 2, fault: 'channel _0002 is more than the models take' },
    ]);
  });

  test('one channel file stands for its case', async () => {
    await names(2, ['a_0000.nii', 'a_0001.nii', 'b_0000.nii', 'b_0001.nii']);
    expect(await names(2, [], join(folder, 'in', 'a_0001.nii'))).toEqual([
      { outputName: 'a.nii', files: 2, fault: null },
    ]);
  });

  test('two inputs for one output are refused', async () => {
    const found = await names(2, ['a.nii', 'a_0000.nii', 'a_0001.nii']);
    expect(found.map(({ fault }) => fault)).toEqual(Array(2).fill('two inputs would be written to a.nii; rename one'));
  });
});
