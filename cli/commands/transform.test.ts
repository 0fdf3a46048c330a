import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readImage, readLabel } from '@voxhelm/imaging/nifti';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { main } from '../main.ts';

const SAMPLES = join(import.meta.dirname, '../../samples/hippocampus');
const image = join(SAMPLES, 'imagesTr/hippocampus_003.nii.gz');
const label = join(SAMPLES, 'labelsTr/hippocampus_003.nii.gz');

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'voxhelm-transform-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const written = { out: '', err: '' };
  const catching = (stream: 'stdout' | 'stderr', to: 'out' | 'err') =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      written[to] += String(text);
      return true;
    });
  const spies = [catching('stdout', 'out'), catching('stderr', 'err')];
  try {
    return { code: await main(['node', 'voxhelm', 'transform', ...args]), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

test('a list in a file runs on a case, and what lies on the new grid comes back to the old', async () => {
  const list = join(root, 'list.yaml');
  await writeFile(
    list,
    `- { name: LoadImaged }
- { name: Orientationd, axcodes: LPS }
- { name: SpatialPadd, spatial_size: 64 }
- { name: RandRotate90d, prob: 1, spatial_axes: [0, 2] }
- { name: RandBiasField }`.replace('RandBiasField', 'RandomBiasField'),
  );
  const given = [list, '--image', image, '--label', label, '--seed', '3', '--output', root, '--json'];
  const { code, out } = await run(...given);
  expect(code).toBe(0);
  expect(JSON.parse(out).applied).toEqual(['Orientationd', 'SpatialPadd', 'RandRotate90d', 'RandomBiasField']);
  expect((await readImage([join(root, 'image.nii.gz')])).shape).toEqual([64, 64, 64]);
  expect(JSON.parse(await readFile(join(root, 'applied.json'), 'utf8'))).toHaveLength(4);

  await run(...given, '--undo', join(root, 'label.nii.gz'));
  const [restored, own] = await Promise.all([readLabel(join(root, 'restored.nii.gz')), readLabel(label)]);
  expect(restored.shape).toEqual(own.shape);
  expect(Buffer.compare(Buffer.from(restored.data), Buffer.from(own.data))).toBe(0);
});

test('the record of what was done is enough to bring a prediction back, without image, label, list or seed', async () => {
  const [list, output] = [join(root, 'crops.yaml'), join(root, 'crops')];
  await writeFile(
    list,
    `- { name: Orientationd, axcodes: PIR }
- { name: RandFlipd, prob: 1, spatial_axis: 0 }
- { name: RandScaleIntensityd, prob: 1, factors: 0.2 }
- { name: Spacingd, pixdim: [1, 1, 2] }
- { name: RandCropByLabelClassesd, spatial_size: [40, 60, 40], num_classes: 3 }
`,
  );
  expect((await run(list, '--image', image, '--label', label, '--seed', '5', '--output', output)).code).toBe(0);
  const [record, prediction] = [join(output, 'applied.json'), join(output, 'label.nii.gz')];
  const { code, out } = await run(record, '--undo', prediction, '--output', output, '--json');
  expect(code).toBe(0);
  const path = join(output, 'restored.nii.gz');
  expect(JSON.parse(out).written).toEqual([path]);
  const restored = await readLabel(path);
  // The same as by doing it all again.
  const again = join(root, 'again');
  await run(list, '--image', image, '--label', label, '--seed', '5', '--output', again, '--undo', prediction);
  const other = await readLabel(join(again, 'restored.nii.gz'));
  expect(restored).toMatchObject({ shape: other.shape, affine: other.affine });
  expect(Buffer.compare(Buffer.from(restored.data), Buffer.from(other.data))).toBe(0);
  expect(restored.shape).toEqual((await readLabel(label)).shape);
  expect(restored.data.some((value) => value > 0)).toBe(true);

  const wrong = await run(record, '--undo', label, '--output', output);
  expect(wrong.err).toContain('voxels, the transformed image 40 x 60 x 40');
  expect((await run(record, '--output', output)).err).toContain('record of what was done, not a list of transforms');
  expect((await run(list, '--output', output)).err).toContain('--image');
});

test('a list that is wrong says where', async () => {
  const list = join(root, 'wrong.json');
  const refused = async (text: string): Promise<string> => {
    await writeFile(list, text);
    const { code, err } = await run(list, '--image', image, '--output', root);
    expect(code).toBe(1);
    return err;
  };
  expect(await refused('[{"name": "Spacingd", "pixdim": [1, 1, 1, 1]}]')).toContain('[0].pixdim');
  expect(await refused('{"name": "RandFlipd"}')).toMatch(/one transform, RandFlipd, outside a list[^]*\[\{ "name"/);
  expect(await refused('[{"name": "Spacingd", "pixdim": [0.001, 0.001, 0.001]}]')).toMatch(
    /Spacingd would make \d+ x \d+ x \d+ = [\d,]+ voxels of 34 x 52 x 35[^]*larger voxels/,
  );
});
