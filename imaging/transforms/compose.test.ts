import type { Transform } from '@voxhelm/contracts/transforms';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../random.ts';
import { type Affine, affineAt, IDENTITY_AFFINE, spacingOf, type Vec3, voxelCount } from '../volume.ts';
import { applyOperation, runTransforms, undoTransforms } from './compose.ts';
import { readTransforms } from './list.ts';
import { inverse3, type Matrix3, times3 } from './matrix.ts';
import type { Sample } from './sample.ts';

/** One of each that turns or mirrors: its inverse is exact. */
const TURNS = [
  { name: 'Orientationd', axcodes: 'LSA' },
  { name: 'Flipd', spatial_axis: [0, 2] },
  { name: 'Rotate90d', k: 3, spatial_axes: [2, 0] },
  { name: 'RandFlipd', prob: 1, spatial_axis: 1 },
  { name: 'RandRotate90d', prob: 1, spatial_axes: [1, 2] },
];
const PADS = [
  { name: 'SpatialPadd', spatial_size: [9, 8, 10] },
  { name: 'SpatialPadd', spatial_size: 11, method: 'end' },
];
const CROPS = [
  { name: 'CropForegroundd', source_key: 'label', margin: 1, k_divisible: 2 },
  { name: 'RandCropByPosNegLabeld', spatial_size: [4, 3, 5] },
  { name: 'RandCropByLabelClassesd', spatial_size: 4, num_classes: 3, ratios: [1, 2, 3] },
];
const WARPS = [
  { name: 'Spacingd', pixdim: [1.1, 0.7, 1.9] },
  { name: 'RandZoomd', prob: 1, min_zoom: 0.8, max_zoom: 1.3 },
  {
    name: 'RandAffined',
    prob: 1,
    rotate_range: [0.3, 0.3, 0.3],
    shear_range: [0.1, 0.1],
    translate_range: [1, 1, 1],
    scale_range: [0.2, 0.2, 0.2],
  },
  { name: 'RandAffined', prob: 1, rotate_range: [0.3, 0.3, 0.3], translate_range: [2, 2, 2], units: 'mm' },
];
const ELASTIC = { name: 'Rand3DElasticd', prob: 1, sigma_range: [1, 2], magnitude_range: [1, 3], rotate_range: [0.2] };
const REVERSIBLE_INTENSITIES = [
  { name: 'ScaleIntensityRanged', a_min: -30, a_max: 50, b_min: -1, b_max: 3 },
  { name: 'NormalizeIntensityd', channel_wise: true },
  { name: 'RandScaleIntensityd', prob: 1, factors: 0.3 },
  { name: 'RandShiftIntensityd', prob: 1, offsets: [2, 3] },
  { name: 'RandAdjustContrastd', prob: 1, gamma: [0.7, 1.5] },
  { name: 'RandAdjustContrastd', prob: 1, gamma: [0.7, 1.5], invert_image: true },
  { name: 'RandHistogramShiftd', prob: 1, num_control_points: [3, 6] },
  { name: 'RandomSpike', num_spikes: [2, 2] },
  { name: 'RandomBiasField' },
];
const OTHER_INTENSITIES = [
  { name: 'ScaleIntensityRanged', a_min: -30, a_max: 50, clip: true },
  { name: 'RandGaussianNoised', prob: 1 },
  { name: 'RandGaussianSmoothd', prob: 1, units: 'mm' },
  { name: 'RandAdjustContrastd', prob: 1, retain_stats: true },
  { name: 'RandSimulateLowResolutiond', prob: 1 },
  { name: 'RandomMotion' },
  { name: 'RandomGhosting' },
];
const GRID = [...TURNS, ...PADS, ...CROPS, ...WARPS];
const EVERYTHING = [...GRID, ELASTIC, ...REVERSIBLE_INTENSITIES, ...OTHER_INTENSITIES];

const shapes = fc.tuple(...[0, 1, 2].map(() => fc.integer({ min: 3, max: 8 }))) as fc.Arbitrary<
  [number, number, number]
>;

/** Any orientation, voxel size and a slight obliqueness. */
const affines: fc.Arbitrary<Affine> = fc
  .record({
    axes: fc.shuffledSubarray([0, 1, 2], { minLength: 3, maxLength: 3 }),
    signs: fc.array(fc.constantFrom(1, -1), { minLength: 3, maxLength: 3 }),
    oblique: fc.double({ min: -0.1, max: 0.1, noNaN: true }),
  })
  .map(({ axes, signs, oblique }) => {
    const sizes = [0.8, 1.2, 2];
    const rows = [0, 1, 2].map((world) => [
      ...[0, 1, 2].map(
        (column) => (axes[column] === world ? (signs[column] as number) : oblique) * (sizes[column] as number),
      ),
      7 * world - 5,
    ]);
    return [...rows.flat(), 0, 0, 0, 1];
  });

const samples = fc
  .tuple(shapes, affines, fc.nat(1000))
  .map(([shape, affine, seed]) => worldSample(shape, affine, seed));

/** An image whose three channels are each voxel's place in the world (mm), and labels 0, 1, 2 with every one there. */
function worldSample(shape: Vec3, affine: Affine, seed: number): Sample {
  const voxels = voxelCount(shape);
  const random = seededRandom(seed);
  const data = new Float32Array(3 * voxels);
  const labels = Uint8Array.from({ length: voxels }, (_, i) => (i < 3 ? i : Math.floor(3 * random())));
  for (let i = 0; i < voxels; i++) {
    for (const [axis, mm] of worldOf(affine, placeOf(i, shape)).entries()) data[axis * voxels + i] = mm;
  }
  return { image: { shape, channels: 3, data, affine }, label: { shape, data: labels, affine } };
}

function placeOf(i: number, shape: Vec3): Vec3 {
  const row = Math.floor(i / shape[2]);
  return [Math.floor(row / shape[1]), row % shape[1], i % shape[2]];
}

function linearOf(affine: Affine): Matrix3 {
  return [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => affineAt(affine, row, column))) as unknown as Matrix3;
}

function worldOf(affine: Affine, place: Vec3): Vec3 {
  const mm = times3(linearOf(affine), place);
  return [mm[0] + affineAt(affine, 0, 3), mm[1] + affineAt(affine, 1, 3), mm[2] + affineAt(affine, 2, 3)];
}

function placeIn(affine: Affine, world: Vec3): Vec3 {
  const moved = world.map((mm, axis) => mm - affineAt(affine, axis, 3)) as unknown as Vec3;
  return times3(inverse3(linearOf(affine)), moved);
}

function list(...transforms: unknown[]): Transform[] {
  return readTransforms(transforms);
}

function valuesAt(sample: Sample, i: number): Vec3 {
  const voxels = voxelCount(sample.image.shape);
  return [0, 1, 2].map((channel) => sample.image.data[channel * voxels + i]) as unknown as Vec3;
}

function distance(a: Vec3, b: Vec3): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function inside(place: Vec3, shape: Vec3): boolean {
  return place.every((at, axis) => at > 1e-6 && at < (shape[axis] as number) - 1 - 1e-6);
}

/** A value as text: comparing arrays element by element takes Vitest long. */
function plain(value: unknown): string {
  const ordered = (_: string, inner: unknown): unknown => {
    if (ArrayBuffer.isView(inner)) return `${inner.constructor.name} ${[...(inner as Float32Array)].join()}`;
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(value, ordered);
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] as number))), 0);
}

describe.each(GRID)('$name', (transform) => {
  test('the affine tells the truth: what stood at a place in the world still stands there', () => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, seed) => {
        const moved = runTransforms(list(transform), sample, seed);
        let looked = 0;
        let worst = 0;
        for (let i = 0; i < voxelCount(moved.image.shape); i++) {
          const world = worldOf(moved.image.affine, placeOf(i, moved.image.shape));
          if (!inside(placeIn(sample.image.affine, world), sample.image.shape)) continue;
          looked += 1;
          worst = Math.max(worst, distance(valuesAt(moved, i), world));
        }
        fc.pre(looked > 0);
        expect(worst).toBeLessThan(1e-3);
        expect(moved.label?.affine).toEqual(moved.image.affine);
        expect(moved.label?.shape).toEqual(moved.image.shape);
      }),
      { numRuns: 8 },
    );
  });
});

describe.each([...GRID, ELASTIC])('$name', (transform) => {
  test('image and label stay aligned, and labels in their set', () => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, seed) => {
        const moved = runTransforms(list(transform), sample, seed);
        const before = sample.label?.data ?? new Uint8Array();
        const { shape } = sample.image;
        expect(new Set([0, 1, 2, ...(moved.label?.data ?? [])]).size).toBe(3);
        if (transform.name === 'Spacingd') return; // Its exact halves go PyTorch's way: tests/parity/spatial.test.ts.
        for (const [i, value] of (moved.label?.data ?? []).entries()) {
          // The channels hold the place that was sampled.
          const place = placeIn(sample.image.affine, valuesAt(moved, i));
          if (!inside(place, sample.image.shape) || place.some((at) => Math.abs((at % 1) - 0.5) < 1e-2)) continue;
          const [x, y, z] = place.map(Math.round) as unknown as Vec3;
          if (value !== before[(x * shape[1] + y) * shape[2] + z]) expect.fail(`voxel ${i} is of another label`);
        }
      }),
      { numRuns: 8 },
    );
  });
});

describe('the inverse', () => {
  test.each([...TURNS, ...PADS])('of $name is exact', (transform) => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, seed) => {
        const { applied, ...moved } = runTransforms(list(transform), sample, seed);
        expect(plain(undoTransforms(applied, moved))).toBe(plain(sample));
      }),
      { numRuns: 8 },
    );
  });

  test.each(CROPS)('of $name brings the crop back to its place', (transform) => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, seed) => {
        const { applied, ...moved } = runTransforms(list(transform), sample, seed);
        const back = undoTransforms(applied, moved);
        expect(back.image.shape).toEqual(sample.image.shape);
        expect(back.image.affine).toEqual(sample.image.affine);
        // Once more the same crop: nothing was lost inside it.
        const again = applied.reduce<Sample>((current, { operation }) => applyOperation(operation, current), back);
        expect(plain(again.image.data)).toBe(plain(moved.image.data));
        expect(plain(again.label?.data)).toBe(plain(moved.label?.data));
      }),
      { numRuns: 8 },
    );
  });

  test.each(WARPS)('of $name brings each voxel back to its place', (transform) => {
    const affine = [0.8, 0, 0, 3, 0, 0, -1.2, 9, 0, 1.5, 0, -4, 0, 0, 0, 1];
    const sample = worldSample([17, 15, 13], affine, 1);
    for (let seed = 0; seed < 8; seed++) {
      const { applied, ...moved } = runTransforms(list(transform), sample, seed);
      const back = undoTransforms(applied, moved);
      expect(back.image.affine).toEqual(affine);
      expect(back.label?.shape).toEqual(sample.image.shape);
      // About the middle nothing came from beyond the border; places are linear, so that sampling twice loses nothing.
      for (const place of [
        [8, 7, 6],
        [6, 6, 5],
        [10, 8, 7],
      ] as const) {
        const i = (place[0] * 15 + place[1]) * 13 + place[2];
        const [a, b] = [valuesAt(back, i), valuesAt(sample, i)];
        expect(distance(a, b)).toBeLessThan(1e-3);
      }
    }
  });

  test.each(REVERSIBLE_INTENSITIES)('of $name gives the intensities back', (transform) => {
    fc.assert(
      fc.property(samples, fc.nat(), (sample, seed) => {
        const { applied, ...changed } = runTransforms(list(transform), sample, seed);
        expect(largestDifference(changed.image.data, sample.image.data)).toBeGreaterThan(0);
        // Two neighbouring control points may come so close that float32 cannot tell what lay between them.
        const flattens = applied.some(
          ({ operation }) =>
            operation.kind === 'interpolate' &&
            operation.to.some((to, i) => i > 0 && to - (operation.to[i - 1] as number) < 0.5),
        );
        fc.pre(!flattens);
        expect(largestDifference(undoTransforms(applied, changed).image.data, sample.image.data)).toBeLessThan(5e-3);
      }),
      { numRuns: 8 },
    );
  });

  test.each([ELASTIC, ...OTHER_INTENSITIES])('of $name is refused by name, not made up', (transform) => {
    const { applied, ...changed } = runTransforms(
      list(transform),
      worldSample([8, 8, 8], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], 0),
      3,
    );
    expect(() => undoTransforms(applied, changed)).toThrow(`${transform.name} cannot be undone`);
  });

  test('of a whole list brings a prediction back to the image that it is of, intensities left alone', () => {
    const pipeline = list(
      { name: 'LoadImaged', keys: ['image', 'label'] },
      { name: 'EnsureChannelFirstd', keys: ['image', 'label'] },
      { name: 'Orientationd', axcodes: 'RAS' },
      { name: 'SpatialPadd', spatial_size: 10 },
      { name: 'NormalizeIntensityd', nonzero: true },
      { name: 'RandFlipd', prob: 1, spatial_axis: [0, 1] },
      { name: 'RandRotate90d', prob: 1 },
      { name: 'RandGaussianNoised', prob: 1 },
    );
    fc.assert(
      fc.property(samples, fc.nat(), (sample, seed) => {
        const { applied, label } = runTransforms(pipeline, sample, seed);
        if (label === null) throw new Error('the label is gone');
        // As a network that is always right would answer: its labels, and two classes' probabilities.
        const probabilities = Float32Array.from(
          [0, 1].flatMap((value) => [...label.data].map((one) => (one === value ? 1 : 0))),
        );
        const prediction = { image: { ...label, channels: 2, data: probabilities }, label };
        const back = undoTransforms(applied, prediction, { gridOnly: true });
        expect(plain(back.label)).toBe(plain(sample.label));
        const ones = [0, 1].flatMap((value) => [...(sample.label?.data ?? [])].map((one) => (one === value ? 1 : 0)));
        expect(plain([...back.image.data])).toBe(plain(ones));
      }),
      { numRuns: 8 },
    );
  });
});

describe('runTransforms', () => {
  test.each(EVERYTHING)(
    '$name is a pure function of sample and keys, and its record in JSON says it all',
    (transform) => {
      const sample = worldSample([8, 6, 7], [1, 0, 0, 0, 0, 1.5, 0, 0, 0, 0, 0.8, 0, 0, 0, 0, 1], 5);
      const before = sample.image.data.slice();
      const once = runTransforms(list(transform), sample, 'run', 7);
      expect(plain(runTransforms(list(transform), sample, 'run', 7))).toBe(plain(once));
      expect(plain(sample.image.data)).toBe(plain(before));
      expect(once.image.data.every(Number.isFinite)).toBe(true);
      const recorded: typeof once.applied = JSON.parse(JSON.stringify(once.applied));
      const again = recorded.reduce<Sample>((current, { operation }) => applyOperation(operation, current), sample);
      expect(plain({ image: again.image, label: again.label })).toBe(plain({ image: once.image, label: once.label }));
    },
  );

  test('each place of a list draws for itself, and a probability of 0 changes nothing', () => {
    const sample = worldSample([6, 6, 6], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], 5);
    const shift = { name: 'RandShiftIntensityd', prob: 1, offsets: 5 };
    const alone = runTransforms(list(shift), sample, 3);
    const both = runTransforms(list(shift, { name: 'RandFlipd', prob: 1 }), sample, 3);
    expect(both.applied[0]).toEqual(alone.applied[0]);
    expect(runTransforms(list(shift), sample, 4).applied[0]).not.toEqual(alone.applied[0]);
    const never = EVERYTHING.flatMap((one) => ('prob' in one ? [{ ...one, prob: 0 }] : []));
    expect(runTransforms(list(...never), sample, 0).applied).toEqual([]);
  });

  test('in millimetres a rotation turns anatomy as a whole, also where voxels are no cubes', () => {
    const affine = [0.5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1];
    const sample = worldSample([9, 9, 9], affine, 0);
    const spacingAfter = (units: string): Vec3 =>
      spacingOf(
        runTransforms(
          list({
            name: 'RandAffined',
            prob: 1,
            rotate_range: [
              [0.4, 0.4],
              [0.3, 0.3],
            ],
            units,
          }),
          sample,
          1,
        ).image.affine,
      );
    for (const [axis, mm] of spacingAfter('mm').entries()) expect(mm).toBeCloseTo([0.5, 1, 4][axis] as number, 9);
    expect(Math.abs(spacingAfter('voxel')[1] - 1)).toBeGreaterThan(0.1);
  });

  test('a size in millimetres is that many voxels of the image', () => {
    const sample = worldSample([5, 5, 5], [0.5, 0, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1], 0);
    const padded = runTransforms(list({ name: 'SpatialPadd', spatial_size: [12, 12, 12], units: 'mm' }), sample, 0);
    expect(padded.image.shape).toEqual([24, 12, 5]);
  });
});

describe('a crop', () => {
  const sample = worldSample([7, 6, 5], IDENTITY_AFFINE, 3);
  const shapeAfter = (transform: object) => runTransforms(list(transform), sample, 1).image.shape;

  test('has the image’s own size along an axis that it is not given for (MONAI: 0 or less)', () => {
    expect(shapeAfter({ name: 'RandCropByPosNegLabeld', spatial_size: [4, 3, -1] })).toEqual([4, 3, 5]);
    expect(shapeAfter({ name: 'RandCropByLabelClassesd', spatial_size: [0, 4, -1], num_classes: 3 })).toEqual([
      7, 4, 5,
    ]);
    expect(shapeAfter({ name: 'SpatialPadd', spatial_size: [9, 0, -1] })).toEqual([9, 6, 5]);
  });

  test('of sizes that are none is refused by its option', () => {
    const wrong: readonly (readonly [object, string])[] = [
      [{ name: 'CropForegroundd', k_divisible: 0 }, '[0].k_divisible'],
      [{ name: 'CropForegroundd', k_divisible: [2, 2, 1.5] }, '[0].k_divisible'],
      [{ name: 'CropForegroundd', margin: -1 }, '[0].margin'],
      [{ name: 'RandZoomd', min_zoom: 0 }, '[0].min_zoom'],
      [{ name: 'RandZoomd', max_zoom: [1, 1, -1] }, '[0].max_zoom'],
      [{ name: 'RandCropByPosNegLabeld', spatial_size: 4, pos: 0, neg: 0 }, 'pos or neg must be above 0'],
    ];
    for (const [transform, told] of wrong) expect(() => list(transform), told).toThrow(told);
  });
});

describe('centres of crops', () => {
  /** CT: a body of 40 HU in the second half of x, air before it, one labelled voxel. */
  const shape: Vec3 = [8, 6, 5];
  const voxels = voxelCount(shape);
  const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  const image = { shape, channels: 1, affine, data: new Float32Array(voxels).fill(-1000).fill(40, voxels / 2) };
  const label = { shape, affine, data: new Uint8Array(voxels).fill(1, voxels - 1) };
  const voxelsOf = (options: object): Set<number> =>
    new Set(
      Array.from({ length: 60 }, (_, key) => {
        const crop = list({ name: 'RandCropByPosNegLabeld', spatial_size: 1, ...options });
        return runTransforms(crop, { image, label }, key).image.data[0] as number;
      }),
    );

  test('of negatives are anywhere outside the labels; above the threshold only with image_key', () => {
    expect(voxelsOf({ pos: 0 })).toEqual(new Set([-1000, 40]));
    expect(voxelsOf({ pos: 0, image_threshold: 0 })).toEqual(new Set([-1000, 40]));
    expect(voxelsOf({ pos: 0, image_key: 'image' })).toEqual(new Set([40]));
    const above = list({ name: 'RandCropByPosNegLabeld', spatial_size: 1, image_key: 'image', image_threshold: 50 });
    const nothing = { ...label, data: new Uint8Array(voxels) };
    expect(() => runTransforms(above, { image, label: nothing }, 0)).toThrow('no voxel of the image is above 50');
  });

  test('of classes: a label value that no class has is refused, in 8 bits and in 16', () => {
    const crop = (num_classes: number) => list({ name: 'RandCropByLabelClassesd', spatial_size: 1, num_classes });
    const labelled = (data: Uint8Array | Uint16Array) => ({ image, label: { shape, affine, data } });
    const wide = new Uint16Array(voxels).fill(256, voxels - 1);
    expect(() => runTransforms(crop(255), labelled(wide), 0)).toThrow('holds the value 256, num_classes is 255');
    const largest = new Uint8Array(voxels).fill(255, voxels - 1);
    expect(() => runTransforms(crop(255), labelled(largest), 0)).toThrow('holds the value 255, num_classes is 255');
    expect(() => crop(256)).toThrow('num_classes');
    expect(runTransforms(crop(2), labelled(label.data), 0).image.shape).toEqual([1, 1, 1]);
  });
});

describe('what is refused', () => {
  const sample = worldSample([4, 4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], 0);

  test('a result of more numbers than an array may hold, and one on the way to it', () => {
    const run = (transform: object) => () => runTransforms(list(transform), sample, 0);
    expect(run({ name: 'Spacingd', pixdim: [0.001, 0.001, 0.001] })).toThrow(
      'Spacingd would make 3001 x 3001 x 3001 = 27,027,009,001 voxels in 3 channels of 4 x 4 x 4',
    );
    expect(run({ name: 'SpatialPadd', spatial_size: 2000 })).toThrow('SpatialPadd would make 2000 x 2000 x 2000');
    expect(run({ name: 'CropForegroundd', source_key: 'label', margin: 2000 })).toThrow('CropForegroundd would make');
    expect(run({ name: 'RandCropByPosNegLabeld', spatial_size: 2000 })).toThrow('RandCropByPosNegLabeld would make');
    expect(run({ name: 'RandCropByLabelClassesd', spatial_size: 2000, num_classes: 3 })).toThrow('would make');
    // One axis after the other: 100000001 x 2 x 2 would do.
    expect(run({ name: 'Spacingd', pixdim: [3e-8, 3, 3] })).toThrow('Spacingd would make 100000001 x 2 x 4');
  });

  test('numbers of channels that the image does not have, or that are not taken one by one', () => {
    const normalize = (options: object) => runTransforms(list({ name: 'NormalizeIntensityd', ...options }), sample, 0);
    expect(() => normalize({ subtrahend: [1, 2], channel_wise: true })).toThrow('has 2 numbers for 3 channels');
    expect(() => normalize({ divisor: [1, 2, 3, 4], channel_wise: true })).toThrow('has 4 numbers for 3 channels');
    expect(() => normalize({ divisor: [1, 2, 3] })).toThrow('channel_wise');
    expect(normalize({ subtrahend: [1, 2, 3], channel_wise: true }).applied).toHaveLength(1);
  });

  test('a crop by labels without a label, and a foreground that is not there', () => {
    const crop = list({ name: 'RandCropByPosNegLabeld', spatial_size: 2 });
    expect(() => runTransforms(crop, { ...sample, label: null }, 0)).toThrow('needs a label');
    expect(() => runTransforms(list({ name: 'CropForegroundd', threshold: 1e6 }), sample, 0)).toThrow(
      'is above 1000000',
    );
  });
});
