import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeNifti, readImage, readLabel, writeNifti } from './nifti.ts';
import { decodeLabel, decodeVolume, openNifti } from './nifti-decode.ts';
import { DATATYPES, type Datatype, type MadeNifti, makeNifti } from './testing/make-nifti.ts';
import type { LabelMap, Volume } from './volume.ts';

const SAMPLE = join(import.meta.dirname, '../samples/hippocampus/imagesTr/hippocampus_001.nii.gz');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-nifti-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** 2 x 3 x 2 voxels whose values tell their place: value = x + 10 y + 100 z, in file order. */
const PLACES = [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121];
/** The same in memory order, z fastest. */
const PLACES_C_ORDER = [0, 100, 10, 110, 20, 120, 1, 101, 11, 111, 21, 121];

const made = (facts: Partial<MadeNifti> = {}): Uint8Array<ArrayBuffer> =>
  makeNifti({ dims: [2, 3, 2], values: PLACES, datatype: 'uint8', ...facts });
const read = (bytes: Uint8Array): Volume => decodeVolume(openNifti(bytes, 'made.nii'));

function refusal(action: () => unknown): VoxhelmError {
  try {
    action();
  } catch (error) {
    if (error instanceof VoxhelmError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('reading', () => {
  const types = Object.keys(DATATYPES) as Datatype[];
  test.each(
    types.flatMap((type) =>
      [true, false].flatMap((little) => [1, 2].map((version) => [type, little, version] as const)),
    ),
  )('%s, little-endian %s, NIfTI-%s comes out in C-order', (datatype, littleEndian, version) => {
    const image = read(made({ datatype, littleEndian, version: version as 1 | 2 }));
    expect([...image.data]).toEqual(PLACES_C_ORDER);
    expect([image.shape, image.channels]).toEqual([[2, 3, 2], 1]);
  });

  test('signed types keep negative values, and gzip is told by content, not by name', () => {
    for (const datatype of ['int8', 'int16', 'int32', 'int64', 'float32', 'float64'] as const) {
      const bytes = makeNifti({ dims: [2, 1, 1], values: [-5, 7], datatype });
      expect([...read(gzipSync(bytes)).data]).toEqual([-5, 7]);
    }
  });

  test('slope and intercept are applied; a slope of 0 means unscaled', () => {
    expect(read(made({ slope: 2, intercept: -1 })).data[1]).toBe(199);
    expect(read(made({ slope: 0, intercept: 5 })).data[1]).toBe(100);
  });

  test('a fourth or fifth axis is the channels, one behind the other', () => {
    for (const dims of [
      [1, 1, 2, 3],
      [1, 1, 2, 1, 3],
    ]) {
      const image = read(makeNifti({ dims, values: [1, 2, 3, 4, 5, 6], datatype: 'int16' }));
      expect([image.channels, [...image.data]]).toEqual([3, [1, 2, 3, 4, 5, 6]]);
    }
  });

  test('world coordinates: sform before qform before voxel sizes', () => {
    const sform = [2, 0, 0, 10, 0, 3, 0, 20, 0, 0, 4, 30];
    const qform = [0, 0, 1, 5, 6, 7]; // half a turn about z
    const pixdim = [2, 3, 4];
    // A qform code above the sform's must not make a difference.
    expect(read(made({ sform, qform, qformCode: 4, pixdim })).affine).toEqual([...sform, 0, 0, 0, 1]);
    const turned = [-2, 0, 0, 5, 0, -3, 0, 6, 0, 0, 4, 7, 0, 0, 0, 1];
    for (const version of [1, 2] as const) {
      const { affine } = read(made({ qform, pixdim, version }));
      for (const [index, value] of turned.entries()) expect(affine[index]).toBeCloseTo(value, 12);
    }
    expect(read(made({ pixdim })).affine).toEqual([2, 0, 0, 0, 0, 3, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1]);
  });

  test('one file per channel becomes one image; files on other grids are refused by name', async () => {
    const [a, b, c] = ['a.nii', 'b.nii.gz', 'c.nii'].map((name) => join(folder, name)) as [string, string, string];
    await writeFile(a, made());
    await writeFile(b, gzipSync(made({ datatype: 'float32', slope: 2 })));
    await writeFile(c, made({ pixdim: [1, 1, 2] }));
    const image = await readImage([a, b]);
    expect([image.channels, image.data[1], image.data[13]]).toEqual([2, 100, 200]);
    await expect(readImage([a, c])).rejects.toMatchObject({
      code: 'bad-image',
      message: expect.stringContaining('c.nii'),
    });
  });

  test('labels: whole numbers of any type in the smallest array that holds them; others are refused', () => {
    const label = (values: number[], datatype: Datatype = 'float32'): LabelMap =>
      decodeLabel(openNifti(makeNifti({ dims: [values.length, 1, 1], values, datatype }), 'label.nii'));
    expect(label([0, 2, 255]).data).toEqual(Uint8Array.of(0, 2, 255));
    expect(label([0, 256]).data).toEqual(Uint16Array.of(0, 256));
    expect(label([-1, 70_000]).data).toEqual(Int32Array.of(-1, 70_000));
    expect(label([3, 4], 'int64').data).toEqual(Uint8Array.of(3, 4));
    for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(refusal(() => label([0, value])).message).toMatch(/label value .* not whole/);
    }
  });
});

describe('refusing', () => {
  const change = (edit: (view: DataView, bytes: Uint8Array) => void): Uint8Array => {
    const bytes = made();
    edit(new DataView(bytes.buffer), bytes);
    return bytes;
  };
  const faults: [string, Uint8Array, RegExp][] = [
    ['an empty file', new Uint8Array(0), /0 bytes/],
    ['text', new TextEncoder().encode('not an image '.repeat(50)), /does not begin like a NIfTI/],
    ['a wrong magic', change((_, bytes) => bytes.fill(0, 344, 348)), /magic/],
    ['a header without its data file', change((_, bytes) => bytes.set([0x6e, 0x69, 0x31], 344)), /\.hdr\/\.img/],
    ['a truncated file', made().subarray(0, 360), /truncated: 360 bytes, its header promises 364/],
    ['a truncated gzip', gzipSync(made({ datatype: 'float64' })).subarray(0, -12), /gzip/],
    ['a gzip of nothing', gzipSync(new Uint8Array(0)), /0 bytes/],
    ['dims that are negative', change((view) => view.setInt16(42, -2, true)), /-2 x 3 x 2/],
    ['dims that are zero', change((view) => view.setInt16(44, 0, true)), /2 x 0 x 2/],
    ['a rank of nothing', change((view) => view.setInt16(40, 0, true)), /dim\[0\]/],
    ['two dimensions', change((view) => view.setInt16(40, 2, true)), /2-D/],
    [
      'dims whose product overflows',
      change((view) => [42, 44, 46].forEach((at) => view.setInt16(at, 32_767, true))),
      /more than can be read/,
    ],
    ['an offset inside the header', change((view) => view.setFloat32(108, 100, true)), /vox_offset 100/],
    ['an offset that is no number', change((view) => view.setFloat32(108, Number.NaN, true)), /vox_offset NaN/],
    ['an offset behind the file', change((view) => view.setFloat32(108, 9e9, true)), /truncated/],
    ['RGB', change((view) => view.setInt16(70, 128, true)), /RGB24/],
    ['complex numbers', change((view) => view.setInt16(70, 32, true)), /complex64/],
    ['an unknown datatype', change((view) => view.setInt16(70, 77, true)), /unknown datatype 77/],
    ['an affine that is not finite', made({ sform: Array.from({ length: 12 }, () => Number.NaN) }), /sform.*finite/],
  ];
  test.each(faults)('%s', (_, bytes, message) => {
    const error = refusal(() => read(bytes));
    expect(error.code).toBe('bad-image');
    expect(error.message).toMatch(message);
    expect(error.message).toContain('made.nii');
    expect(error.fix).toBeTruthy();
  });

  test('a gzip bomb costs neither memory nor time', () => {
    const header = made();
    const bomb = gzipSync(Buffer.concat([header, Buffer.alloc(300_000_000)]), { level: 1 });
    const before = process.memoryUsage().rss;
    expect(refusal(() => read(bomb)).message).toMatch(/longer than its header says/);
    expect(process.memoryUsage().rss - before).toBeLessThan(100_000_000);
    // Nor where the header puts the voxels behind the filling.
    const far = change((view) => view.setFloat32(108, 100_000_000, true));
    const hidden = gzipSync(Buffer.concat([far, Buffer.alloc(100_000_100 - far.length)]), { level: 1 });
    expect(refusal(() => read(hidden)).message).toMatch(/begin at byte 100000000/);
    // And the other way round: a header that promises more than the bytes can hold allocates nothing.
    const liar = change((view) => [42, 44, 46].forEach((at) => view.setInt16(at, 1000, true)));
    expect(refusal(() => read(gzipSync(liar))).message).toMatch(/cannot hold/);
  });

  test('any damage to a real file is read or refused as bad-image, never a crash', async () => {
    const original = gunzipSync(await readFile(SAMPLE));
    const small = Buffer.from(original.subarray(0, 40_000));
    const edits = fc.array(fc.tuple(fc.integer({ min: 0, max: 560 }), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    const attempt = (bytes: Uint8Array): void => {
      try {
        const file = openNifti(bytes, 'damaged.nii');
        decodeVolume(file);
        decodeLabel(file);
      } catch (error) {
        if (!(error instanceof VoxhelmError) || error.code !== 'bad-image') throw error;
      }
    };
    fc.assert(
      fc.property(edits, fc.boolean(), fc.integer({ min: 0, max: 40_000 }), (changes, gzip, length) => {
        const bytes = Buffer.from(length % 3 === 0 ? small.subarray(0, length) : original);
        for (const [position, value] of changes) if (position < bytes.length) bytes[position] = value;
        attempt(gzip ? gzipSync(bytes, { level: 1 }) : bytes);
      }),
      { seed: 4, numRuns: 400 },
    );
    const compressed = await readFile(SAMPLE);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: compressed.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        (position, value) => {
          const bytes = Buffer.from(compressed);
          bytes[position] = value;
          attempt(bytes);
        },
      ),
      { seed: 5, numRuns: 100 },
    );
  });
});

describe('writing', () => {
  const oblique = [1.9, 0.1, -0.3, 5.5, -0.2, 2.4, 0.5, -3.25, 0.25, -0.4, 3.1, 100.125, 0, 0, 0, 1].map(Math.fround);
  const label = (data: LabelMap['data']): LabelMap => ({ shape: [2, 3, 2], data, affine: oblique });

  test.each([
    ['uint8', Uint8Array.from(PLACES_C_ORDER)],
    ['uint16', Uint16Array.from(PLACES_C_ORDER, (value) => value * 300)],
    ['int32', Int32Array.from(PLACES_C_ORDER, (value) => value * 1000)],
  ])('%s labels come back with the same values and affine', async (name, data) => {
    for (const ending of ['.nii', '.nii.gz']) {
      const path = join(folder, 'new', `${name}${ending}`);
      await writeNifti(path, label(data));
      const back = await readLabel(path);
      expect(back).toEqual(label(data));
      expect((await readFile(path))[0]).toBe(ending === '.nii' ? 348 & 255 : 0x1f);
    }
  });

  test('images keep channels and intensities', () => {
    const data = Float32Array.from({ length: 24 }, (_, index) => index / 7);
    const image: Volume = { shape: [2, 3, 2], channels: 2, data, affine: oblique };
    expect(read(encodeNifti(image, true))).toEqual(image);
  });

  test('the qform says the same as the affine where it can, left-handed grids included', () => {
    const turn = (a: number): number[][] => [
      [Math.cos(a), -Math.sin(a), 0],
      [Math.sin(a), Math.cos(a), 0],
      [0, 0, 1],
    ];
    fc.assert(
      fc.property(fc.double({ min: -3.14, max: 3.14, noNaN: true }), fc.nat(5), fc.boolean(), (angle, axes, flip) => {
        const order = [
          [0, 1, 2],
          [0, 2, 1],
          [1, 0, 2],
          [1, 2, 0],
          [2, 0, 1],
          [2, 1, 0],
        ][axes] as number[];
        const rotation = order.map((row) => turn(angle)[row] as number[]);
        const sizes = [1.5, flip ? -2 : 2, 2.5];
        const affine = [
          ...rotation.flatMap((row, index) => [...row.map((value, column) => value * (sizes[column] ?? 1)), index * 9]),
          0,
          0,
          0,
          1,
        ];
        const bytes = encodeNifti({ shape: [1, 1, 1], data: Uint8Array.of(1), affine }, false);
        const view = new DataView(bytes.buffer);
        expect([view.getInt16(252, true), view.getInt16(254, true)]).toEqual([1, 1]);
        // sform off: the qform alone must give the affine, as well as three float32 can near half a turn.
        view.setInt16(254, 0, true);
        read(bytes).affine.forEach((value, index) => expect(Math.abs(value - (affine[index] ?? 0))).toBeLessThan(2e-3));
      }),
      { seed: 6, numRuns: 100 },
    );
    const sheared = encodeNifti({ shape: [1, 1, 1], data: Uint8Array.of(1), affine: oblique }, false);
    expect(new DataView(sheared.buffer).getInt16(252, true)).toBe(0);
  });

  test('a file that cannot be written leaves nothing behind', async () => {
    const target = join(folder, 'taken');
    await writeNifti(join(target, 'inside.nii'), label(Uint8Array.from(PLACES_C_ORDER)));
    await expect(writeNifti(target, label(Uint8Array.from(PLACES_C_ORDER)))).rejects.toMatchObject({ code: 'storage' });
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });
});
