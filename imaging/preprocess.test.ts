import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { Plan } from '@voxhelm/contracts/plan';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { argmaxLabels, preprocessImage, preprocessLabel, restoreProbabilities } from './preprocess.ts';
import type { Affine, LabelMap, Vec3, Volume } from './volume.ts';
import { voxelCount } from './volume.ts';

const LABELS: LabelDefinition[] = [
  { value: 0, name: 'background' },
  { value: 3, name: 'a' },
  { value: 300, name: 'b' },
];
const AS_IS: Plan['preprocessing'] = { spacingMm: null, normalization: [{ mode: 'none' }] };

/** Every axis permutation and direction, with a spacing and an origin. */
const affines: fc.Arbitrary<Affine> = fc
  .tuple(
    fc.shuffledSubarray([0, 1, 2], { minLength: 3, maxLength: 3 }),
    fc.array(fc.constantFrom(1, -1), { minLength: 3, maxLength: 3 }),
  )
  .map(([axes, signs]) => {
    const spacing = [0.8, 1, 2.5];
    const rows = [0, 1, 2].map((world) => [
      ...[0, 1, 2].map((column) =>
        axes[column] === world ? (signs[column] as number) * (spacing[column] as number) : 0,
      ),
      10 * world,
    ]);
    return [...rows.flat(), 0, 0, 0, 1];
  });
const shapes = fc.tuple(fc.integer({ min: 2, max: 6 }), fc.integer({ min: 2, max: 6 }), fc.integer({ min: 2, max: 6 }));

function labelsOf(shape: Vec3, affine: Affine): LabelMap {
  const data = Uint16Array.from({ length: voxelCount(shape) }, (_, i) => LABELS[((i * 7) % 11) % 3]?.value ?? 0);
  return { shape, data, affine };
}

/** A one-hot volume [class][voxel] of class indices. */
function oneHot(classes: Uint8Array): Float32Array {
  const probabilities = new Float32Array(3 * classes.length);
  for (const [i, index] of classes.entries()) probabilities[index * classes.length + i] = 1;
  return probabilities;
}

describe('restoreProbabilities', () => {
  test('a label map goes to the network grid and back unchanged, in any orientation', () => {
    fc.assert(
      fc.property(shapes, affines, (shape, affine) => {
        const label = labelsOf(shape, affine);
        const image: Volume = { shape, affine, channels: 1, data: Float32Array.from(label.data) };
        const preprocessed = preprocessImage(image, AS_IS);
        const restored = restoreProbabilities(oneHot(preprocessLabel(label, AS_IS, LABELS)), 3, preprocessed);
        expect(argmaxLabels(restored, 3, LABELS)).toEqual(label.data);
      }),
    );
  });

  test('a linear ramp survives resampling both ways wherever no border is clamped', () => {
    const target = fc.constantFrom(0.5, 0.9, 1.3, 2);
    fc.assert(
      fc.property(shapes, fc.tuple(target, target, target), (shape, spacingMm) => {
        const affine = [-1, 0, 0, 5, 0, 0.8, 0, 0, 0, 0, 2.5, 0, 0, 0, 0, 1];
        const data = new Float32Array(voxelCount(shape));
        const at = (i: number): Vec3 => [
          Math.floor(i / (shape[1] * shape[2])),
          Math.floor(i / shape[2]) % shape[1],
          i % shape[2],
        ];
        for (let i = 0; i < data.length; i++) data[i] = at(i).reduce((sum, x, axis) => sum + (axis + 1) * x, 0);
        const plan: Plan['preprocessing'] = { spacingMm, normalization: [{ mode: 'none' }] };
        const preprocessed = preprocessImage({ shape, affine, channels: 1, data }, plan);
        expect(preprocessLabel(labelsOf(shape, affine), plan, LABELS)).toHaveLength(preprocessed.data.length);
        const restored = restoreProbabilities(preprocessed.data, 1, preprocessed);
        expect(restored).toHaveLength(data.length);
        const spacing = [1, 0.8, 2.5];
        for (const [i, value] of data.entries()) {
          const clamped = at(i).some((index, axis) => {
            const size = shape[axis] as number;
            const ras = axis === 0 ? size - 1 - index : index;
            const step = (spacingMm[axis] as number) / (spacing[axis] as number);
            // The voxel lies beyond the last one sampled, or that one was itself beyond the image.
            return (
              Math.ceil(ras / step - 1e-9) * step > size - 1 + 1e-9 ||
              ras / step > (preprocessed.shape[axis] as number) - 1
            );
          });
          if (!clamped) expect(Math.abs((restored[i] as number) - value)).toBeLessThan(1e-4);
        }
      }),
    );
  });
});

describe('preprocessImage', () => {
  test('z-score is over the voxels that are not 0, and zeros stay', () => {
    const data = Float32Array.from([0, 2, 4, 6, 0, 0, 0, 0]);
    const image: Volume = {
      shape: [2, 2, 2],
      channels: 1,
      data,
      affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    };
    const result = preprocessImage(image, { spacingMm: null, normalization: [{ mode: 'zscore-nonzero' }] });
    const unit = Math.sqrt(8 / 3);
    expect([...result.data].map((x) => x.toFixed(5))).toEqual(
      [0, -2 / unit, 0, 2 / unit, 0, 0, 0, 0].map((x) => x.toFixed(5)),
    );
    expect(data[1], "the caller's image is untouched").toBe(2);
  });

  test('splines come after the z-score: zeros around tissue stay zeros, and the tissue has its own mean and deviation', () => {
    const shape: Vec3 = [32, 32, 32];
    const isTissue = (i: number): boolean => [i >> 10, (i >> 5) & 31, i & 31].every((at) => at >= 12 && at < 20);
    const data = Float32Array.from({ length: voxelCount(shape) }, (_, i) =>
      isTissue(i) ? 100 + 10 * Math.sin(i >> 10) : 0,
    );
    const image: Volume = { shape, channels: 1, data, affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] };
    const plan: Plan['preprocessing'] = {
      spacingMm: [0.8, 0.8, 0.8],
      interpolation: 'spline',
      normalization: [{ mode: 'zscore-nonzero' }],
    };
    const before = data.slice();
    const result = preprocessImage(image, plan);
    expect(data, "the caller's image is untouched").toEqual(before);
    const share = (values: Float32Array): number => values.filter((value) => value !== 0).length / values.length;
    expect(share(result.data)).toBeGreaterThan(0.8 * share(data));
    expect(share(result.data)).toBeLessThan(1.2 * share(data));
    const asIs = preprocessImage(image, { ...plan, spacingMm: null });
    const at = (c: { data: Float32Array; shape: Vec3 }, x: number, y: number, z: number) =>
      c.data[(x * c.shape[1] + y) * c.shape[2] + z] as number;
    // 16 mm is voxel 16 before and 20 after.
    expect(at(result, 20, 20, 20)).toBeCloseTo(at(asIs, 16, 16, 16), 1);
    expect(at(result, 2, 2, 2)).toBe(0);
  });

  test('each channel keeps its own zeros, and CT bounds hold before the splines', () => {
    const shape: Vec3 = [9, 9, 9];
    const voxels = voxelCount(shape);
    const data = Float32Array.from({ length: 2 * voxels }, (_, i) =>
      i < voxels ? (i % 9 < 4 ? 0 : 50 + (i % 7)) : i % 9 < 4 ? -3000 : 40,
    );
    const image: Volume = { shape, channels: 2, data, affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] };
    const clip = { mode: 'clip-zscore' as const, lower: -100, upper: 200, mean: 0, deviation: 100 };
    const result = preprocessImage(image, {
      spacingMm: [1, 1, 0.5],
      interpolation: 'spline',
      normalization: [{ mode: 'zscore-nonzero' }, clip],
    });
    const half = result.data.length / 2;
    expect(result.data[0]).toBe(0);
    // -3000 was cut to -100 first: no ringing of 3000.
    expect(Math.min(...result.data.slice(half))).toBeGreaterThan(-1.5);
    expect(Math.max(...result.data.slice(half))).toBeLessThan(0.9);
    expect(result.data[half]).toBeCloseTo(-1, 1);
  });

  test('along a coarse axis image and label take the same slices, whatever the spacing, and each about as often', () => {
    const labels: LabelDefinition[] = Array.from({ length: 24 }, (_, value) => ({ value, name: String(value) }));
    const fromMm = fc.constantFrom(3.5, 4, 5, 6, 7.5);
    const toMm = fc.constantFrom(1, 1.25, 2, 2.5, 3, 3.75, 5, 8);
    const noise = fc.constantFrom(-2e-7, 0, 2e-7);
    fc.assert(
      fc.property(fromMm, toMm, noise, fc.integer({ min: 2, max: 24 }), (from, to, rounding, slices) => {
        const shape: Vec3 = [2, 2, slices];
        const affine = (mm: number): Affine => [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, mm, 0, 0, 0, 0, 1];
        const data = Uint8Array.from({ length: 4 * slices }, (_, i) => i % slices);
        const plan: Plan['preprocessing'] = {
          spacingMm: [1, 1, to],
          interpolation: 'spline',
          normalization: [{ mode: 'none' }],
        };
        const image = preprocessImage(
          { shape, channels: 1, data: Float32Array.from(data), affine: affine(from) },
          plan,
        );
        // The label file says the same voxel size in other last bits.
        const label = preprocessLabel({ shape, data, affine: affine(from * (1 + rounding)) }, plan, labels);
        fc.pre(label.length === image.data.length); // Half a slice more or less at the far end may round either way.
        expect([...image.data].map(Math.round)).toEqual([...label]);
      }),
    );
    const halved: Plan['preprocessing'] = {
      spacingMm: [1, 1, 2.5],
      interpolation: 'spline',
      normalization: [{ mode: 'none' }],
    };
    const data = Uint8Array.from([0, 1, 2, 3, 4, 5]);
    const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0, 0, 0, 0, 1];
    expect([...preprocessLabel({ shape: [1, 1, 6], data, affine }, halved, labels)]).toEqual([
      0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5,
    ]);
  });

  test('a CT range maps its bounds to sigmoid(-1) and sigmoid(1)', () => {
    const image: Volume = {
      shape: [1, 1, 3],
      channels: 1,
      data: Float32Array.from([-100, 50, 200]),
      affine: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    };
    const normalization = [{ mode: 'range-sigmoid' as const, lower: -100, upper: 200 }];
    const { data } = preprocessImage(image, { spacingMm: null, normalization });
    expect(data[0]).toBeCloseTo(1 / (1 + Math.E), 6);
    expect(data[1]).toBeCloseTo(0.5, 6);
    expect(data[2]).toBeCloseTo(1 / (1 + 1 / Math.E), 6);
  });

  test('channels that the plan does not know, and unknown label values, are refused', () => {
    const affine = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
    const image: Volume = { shape: [1, 1, 1], channels: 2, data: new Float32Array(2), affine };
    expect(() => preprocessImage(image, AS_IS)).toThrow('2 channels, the plan normalises 1');
    const label: LabelMap = { shape: [1, 1, 1], data: Uint8Array.of(9), affine };
    expect(() => preprocessLabel(label, AS_IS, LABELS)).toThrow('label value 9');
  });
});

test('argmaxLabels answers label values in 8 bits where they fit, the first of equals', () => {
  const small: LabelDefinition[] = [
    { value: 0, name: 'background' },
    { value: 5, name: 'a' },
  ];
  const result = argmaxLabels(Float32Array.of(0.5, 0.2, 0.5, 0.8), 2, small);
  expect(result).toEqual(Uint8Array.of(0, 5));
  expect(argmaxLabels(Float32Array.of(0, 0, 1), 3, LABELS)).toEqual(Uint16Array.of(300));
});
