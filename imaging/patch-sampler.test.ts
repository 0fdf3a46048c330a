import { Augmentation, type Plan } from '@voxhelm/contracts/plan';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { indexClasses, sampleBatch, type TrainingVolume } from './patch-sampler.ts';
import { seededRandom } from './random.ts';
import type { Vec3 } from './volume.ts';
import { voxelCount } from './volume.ts';

const EVERYTHING: Augmentation[] = [
  { name: 'affine', probability: 0.7, rotationRadians: [0.26, 0.26, 0.26], scale: [0.2, 0.2, 0.2] },
  { name: 'gaussian-smooth', probability: 0.5, sigmaVoxels: [0.5, 1] },
  { name: 'scale-intensity', probability: 0.5, factor: 0.3 },
  { name: 'shift-intensity', probability: 0.5, offset: 0.1 },
  { name: 'gaussian-noise', probability: 0.5, standardDeviation: 0.1 },
  { name: 'gamma', probability: 0.5, range: [0.7, 1.5] },
  { name: 'flip', probability: 0.5, axes: [0, 1, 2] },
];

/** All that move voxels by MONAI's names, as a request has them. */
const MOVES = z.array(Augmentation).parse([
  { name: 'RandRotate90d', prob: 0.3, spatial_axes: [0, 2] },
  { name: 'Rand3DElasticd', prob: 0.3, sigma_range: [1, 2], magnitude_range: [1, 3], padding_mode: 'border' },
  { name: 'RandAffined', prob: 0.3, rotate_range: [0.3, 0.3, 0.3], translate_range: [2, 2, 2], units: 'mm' },
  { name: 'RandZoomd', prob: 0.3 },
  { name: 'RandFlipd', prob: 0.3, spatial_axis: 1 },
]);

function planOf(options: {
  patchSize: [number, number, number];
  batchSize?: number;
  augmentation?: Augmentation[];
  classRatios?: number[];
}): Plan {
  return {
    schemaVersion: 1,
    algorithm: 'segresnet',
    fold: 0,
    labels: [0, 1, 2].map((value) => ({ value, name: `${value}` })),
    labelGroups: null,
    ignoreLabel: null,
    modalities: ['MRI'],
    preprocessing: { spacingMm: null, normalization: [{ mode: 'none' }] },
    patchSize: options.patchSize,
    batchSize: options.batchSize ?? 1,
    network: { class: 'SegResNetDS', options: {} },
    training: {
      steps: 1,
      precision: 'float32',
      optimizer: 'adamw',
      learningRate: 1,
      schedule: 'cosine',
      momentum: 0.99,
      weightDecay: 0,
      ema: null,
      accumulate: 1,
      recompute: 'none',
      augmentOn: 'loader',
      startFrom: null,
      freeze: 'none',
      stopEarly: null,
      warmupSteps: 0,
      gradientClipNorm: null,
      loss: { name: 'DiceCELoss', options: {} },
      deepSupervisionWeights: [1],
      validateEverySteps: 1,
      checkpointEverySteps: 1,
    },
    sampling: { mode: 'class', classRatios: options.classRatios ?? [1, 1, 1] },
    augmentation: options.augmentation ?? [],
    inference: { overlap: 0.5, mode: 'gaussian', sigmaScale: 0.125, windowBatchSize: 1 },
    reasons: {},
  };
}

/** A case with random classes whose three channels are each voxel's own x, y and z. */
function positionCase(shape: Vec3, seed: number): TrainingVolume {
  const voxels = voxelCount(shape);
  const image = new Float32Array(3 * voxels);
  for (let i = 0; i < voxels; i++) {
    const row = Math.floor(i / shape[2]);
    image[i] = Math.floor(row / shape[1]);
    image[voxels + i] = row % shape[1];
    image[2 * voxels + i] = i % shape[2];
  }
  const random = seededRandom(seed);
  const classes = Uint8Array.from({ length: voxels }, () => Math.floor(random() * 3));
  return { image, channels: 3, shape, spacingMm: [1, 1, 1], classes, classVoxels: indexClasses(classes, 3) };
}

function plainCase(shape: Vec3, value: number): TrainingVolume {
  const classes = new Uint8Array(voxelCount(shape));
  const image = new Float32Array(classes.length).fill(value);
  return { image, channels: 1, shape, spacingMm: [1, 1, 1], classes, classVoxels: indexClasses(classes, 3) };
}

describe('sampleBatch', () => {
  test('image and classes stay aligned under rotation, scaling and flips', () => {
    const shape: Vec3 = [12, 15, 11];
    const spatial = EVERYTHING.filter(({ name }) => name === 'affine' || name === 'flip');
    const plan = planOf({ patchSize: [8, 10, 11], augmentation: [...spatial, ...MOVES] });
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), (seed, step) => {
        const volume = positionCase(shape, seed);
        const { image, classes } = sampleBatch([volume], plan, seed, step);
        for (let i = 0; i < classes.length; i++) {
          // Trilinear sampling of coordinates gives the sampled position itself.
          const at = [0, 1, 2].map((channel) => image[i * 3 + channel] as number);
          if (at.some((position) => Math.abs((position % 1) - 0.5) < 1e-3)) continue;
          const [x, y, z] = at.map(Math.round) as [number, number, number];
          if (classes[i] !== volume.classes[(x * shape[1] + y) * shape[2] + z]) expect.fail(`voxel ${i} is off`);
        }
      }),
      { numRuns: 60 },
    );
  });

  test('a quarter turn shows the volume turned, between whole voxels nothing', () => {
    const turn = z.array(Augmentation).parse([{ name: 'RandRotate90d', prob: 1, spatial_axes: [0, 1] }]);
    const volume = positionCase([15, 15, 15], 3);
    for (const patchSize of [
      [4, 4, 4],
      [4, 7, 5],
    ] as [number, number, number][]) {
      const { image } = sampleBatch([volume], planOf({ patchSize, augmentation: turn }), 2, 5);
      expect(image.every(Number.isInteger)).toBe(true);
      const steps = [image.subarray(0, 3), image.subarray(3 * patchSize[2], 3 * patchSize[2] + 3)];
      // One step along y is one along x in the volume, or back.
      const moved = [0, 1, 2].map((axis) => Math.abs((steps[1]?.[axis] as number) - (steps[0]?.[axis] as number)));
      expect([
        [1, 0, 0],
        [0, 1, 0],
      ]).toContainEqual(moved);
    }
  });

  test('rotation keeps distances, scaling changes them by at most its range, and the centre stays', () => {
    const volume = positionCase([21, 21, 21], 0);
    const centre = (10 * 21 + 10) * 21 + 10;
    const centred = { ...volume, classVoxels: [Uint32Array.of(centre), new Uint32Array(0), new Uint32Array(0)] };
    const sampled = (affine: Omit<Extract<Augmentation, { name: 'affine' }>, 'name' | 'probability'>, step: number) => {
      const plan = planOf({ patchSize: [5, 5, 5], augmentation: [{ name: 'affine', probability: 1, ...affine }] });
      const { image } = sampleBatch([centred], plan, 0, step);
      return (x: number, y: number, z: number): number[] => {
        const i = (x * 5 + y) * 5 + z;
        return [...image.subarray(3 * i, 3 * i + 3)];
      };
    };
    const distance = (a: number[], b: number[]): number => Math.hypot(...a.map((x, axis) => x - (b[axis] as number)));
    let turned = 0;
    for (let step = 0; step < 30; step++) {
      const rotated = sampled({ rotationRadians: [0.26, 0.26, 0.26], scale: [0, 0, 0] }, step);
      expect(distance(rotated(2, 2, 2), [10, 10, 10])).toBeLessThan(1e-4);
      expect(distance(rotated(0, 2, 2), rotated(4, 2, 2))).toBeCloseTo(4, 4);
      expect(distance(rotated(0, 0, 2), rotated(2, 2, 2))).toBeCloseTo(Math.sqrt(8), 4);
      turned = Math.max(turned, distance(rotated(4, 2, 2), [12, 10, 10]));
      const scaled = sampled({ rotationRadians: [0, 0, 0], scale: [0.2, 0, 0] }, step);
      expect(Math.abs(distance(scaled(0, 2, 2), scaled(4, 2, 2)) / 4 - 1)).toBeLessThanOrEqual(0.2001);
      expect(distance(scaled(2, 0, 2), scaled(2, 4, 2))).toBeCloseTo(4, 4);
      const aboutZ = sampled({ rotationRadians: [0, 0, 0.26], scale: [0, 0, 0] }, step);
      expect(aboutZ(4, 4, 4)[2]).toBeCloseTo(12, 4);
    }
    expect(turned).toBeGreaterThan(0.3);
  });

  test('is a pure function of seed and step, leaves the case alone, and keeps labels in the set', () => {
    const plan = planOf({ patchSize: [6, 7, 8], batchSize: 2, augmentation: EVERYTHING });
    const volumes = [positionCase([9, 5, 12], 1), positionCase([7, 9, 8], 2)];
    const before = volumes.map((volume) => volume.image.slice());
    const forwards = [0, 1, 2, 3].map((step) => sampleBatch(volumes, plan, 5, step));
    const backwards = [3, 2, 1, 0].map((step) => sampleBatch(volumes, plan, 5, step)).reverse();
    expect(backwards).toEqual(forwards);
    expect(forwards[0]).not.toEqual(forwards[1]);
    expect(sampleBatch(volumes, plan, 6, 0)).not.toEqual(forwards[0]);
    expect(volumes.map((volume) => volume.image)).toEqual(before);
    for (const { image, classes } of forwards) {
      expect(image).toHaveLength(2 * 6 * 7 * 8 * 3);
      expect(image.every(Number.isFinite)).toBe(true);
      expect([...new Set(classes)].every((value) => value < 3)).toBe(true);
    }
  });

  test('an affine that changes nothing equals the plain crop, padding included', () => {
    const still: Augmentation = { name: 'affine', probability: 1, rotationRadians: [0, 0, 0], scale: [0, 0, 0] };
    fc.assert(
      fc.property(fc.nat(100), fc.tuple(fc.nat(6), fc.nat(6), fc.nat(6)), (seed, extra) => {
        const volume = positionCase([3 + extra[0], 3 + extra[1], 3 + extra[2]], seed);
        const plain = sampleBatch([volume], planOf({ patchSize: [6, 6, 6] }), seed, 0);
        expect(sampleBatch([volume], planOf({ patchSize: [6, 6, 6], augmentation: [still] }), seed, 0)).toEqual(plain);
      }),
    );
  });

  test('flips mirror the patch: flipped once more it is the plain crop', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.subarray([0, 1, 2], { minLength: 1 }), (seed, axes) => {
        const volume = positionCase([5, 9, 4], seed);
        const size: [number, number, number] = [6, 7, 5];
        const plain = sampleBatch([volume], planOf({ patchSize: size }), seed, 0);
        const augmentation: Augmentation[] = [{ name: 'flip', probability: 1, axes }];
        const flipped = sampleBatch([volume], planOf({ patchSize: size, augmentation }), seed, 0);
        const mirror = (index: number, axis: number): number =>
          axes.includes(axis) ? (size[axis] as number) - 1 - index : index;
        for (let i = 0; i < plain.classes.length; i++) {
          const row = Math.floor(i / size[2]);
          const [x, y, z] = [Math.floor(row / size[1]), row % size[1], i % size[2]];
          const j = (mirror(x, 0) * size[1] + mirror(y, 1)) * size[2] + mirror(z, 2);
          expect(flipped.classes[j]).toBe(plain.classes[i]);
          expect(flipped.image.slice(3 * j, 3 * j + 3)).toEqual(plain.image.slice(3 * i, 3 * i + 3));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('a volume smaller than the patch is padded with zeros on both sides', () => {
    const { image, classes } = sampleBatch([plainCase([1, 1, 2], 7)], planOf({ patchSize: [1, 1, 5] }), 0, 0);
    expect([...image]).toEqual([0, 7, 7, 0, 0]);
    expect([...classes]).toEqual([0, 0, 0, 0, 0]);
  });

  test('every case comes once in an epoch, in an order that changes', () => {
    const volumes = [1, 2, 3, 4, 5].map((value) => plainCase([2, 2, 2], value));
    const plan = planOf({ patchSize: [1, 1, 1], batchSize: 2 });
    const seen = Array.from({ length: 10 }, (_, step) => [...sampleBatch(volumes, plan, 3, step).image]).flat();
    const epochs = [0, 1, 2, 3].map((epoch) => seen.slice(5 * epoch, 5 * epoch + 5));
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5]);
    expect(new Set(epochs.map(String)).size).toBeGreaterThan(1);
  });

  test('the centre is drawn by class ratio; a class that the case lacks weighs nothing', () => {
    const volume = positionCase([8, 8, 8], 4);
    const classes = volume.classes.map((value) => (value === 1 ? 0 : value));
    const case02: TrainingVolume = { ...volume, classes, classVoxels: indexClasses(classes, 3) };
    const centres = (classRatios: number[]): number[] => {
      const plan = planOf({ patchSize: [1, 1, 1], batchSize: 300, classRatios });
      return [...sampleBatch([case02], plan, 0, 0).classes];
    };
    expect(new Set(centres([0, 1, 1]))).toEqual(new Set([2]));
    const share = centres([1, 5, 3]).filter((value) => value === 2).length / 300;
    expect(Math.abs(share - 0.75)).toBeLessThan(0.1);
    expect(new Set(centres([0, 1, 0])), 'none of the wanted classes: anywhere').toEqual(new Set([0, 2]));
  });

  test('cases that do not fit the plan or each other are refused', () => {
    const plan = planOf({ patchSize: [1, 1, 1] });
    expect(() => sampleBatch([], plan, 0, 0)).toThrow('no training case');
    expect(() => sampleBatch([plainCase([2, 2, 2], 0), positionCase([2, 2, 2], 0)], plan, 0, 0)).toThrow('3 channels');
  });
});

describe('indexClasses', () => {
  test('lists the voxels of every class, thinned out evenly', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2), { maxLength: 80 }), fc.integer({ min: 1, max: 20 }), (values, limit) => {
        const lists = indexClasses(Uint8Array.from(values), 3, limit);
        for (const [value, list] of lists.entries()) {
          const all = values.flatMap((other, i) => (other === value ? [i] : []));
          const kept = Math.min(limit, all.length);
          expect([...list]).toEqual(Array.from({ length: kept }, (_, k) => all[Math.floor((k * all.length) / kept)]));
        }
      }),
    );
  });

  test('refuses a class index beyond the number of classes', () => {
    expect(() => indexClasses(Uint8Array.of(0, 3), 3)).toThrow('beyond its 3 classes');
  });
});
