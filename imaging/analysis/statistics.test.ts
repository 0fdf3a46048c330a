import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IDENTITY_AFFINE, type LabelMap, type Vec3, type Volume, voxelCount } from '../volume.ts';
import { caseStatistics } from './case-statistics.ts';
import { intensityPart, intensityStatistics } from './intensity-statistics.ts';
import { countValues, orderStatistics } from './order-statistics.ts';
import { summarizeAnalysis } from './summary.ts';

describe('order statistics', () => {
  const rank = (values: Float32Array): number[] =>
    [0, 0.1, 0.5, 0.9, 1].map((part) => Math.floor(part * (values.length - 1)));
  const check = (values: Float32Array): void => {
    const sorted = values.slice().sort();
    const expected = rank(values).map((one) => sorted[one]);
    expect(orderStatistics([countValues(values)], rank(values))).toEqual(expected);
    // The same values in two parts, of which one may be small.
    const cut = Math.floor(values.length / 5);
    const parts = [values.subarray(0, cut), values.subarray(cut)].map(countValues);
    expect(orderStatistics(parts, rank(values))).toEqual(expected);
  };

  test('equal those of a full sort, for any floats, many ties and negative numbers', () => {
    fc.assert(fc.property(fc.float32Array({ minLength: 1, maxLength: 60, noNaN: true }), check), {
      seed: 8,
      numRuns: 200,
    });
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 4097, max: 24_000 }),
        fc.constantFrom(1, 7, 1e6),
        (seed, length, spread) => {
          let state = seed | 1;
          const next = (): number => {
            state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
            return (state >>> 0) / 2 ** 32;
          };
          check(
            Float32Array.from({ length }, () =>
              spread === 7 ? Math.floor(next() * spread) - 3 : (next() - 0.5) * spread,
            ),
          );
        },
      ),
      { seed: 9, numRuns: 30 },
    );
  });

  test('hold where one bucket has more values than are worth sorting', () => {
    check(
      Float32Array.from({ length: 200_000 }, (_, index) => (index % 10 === 0 ? index : -1024 + (index % 3) / 4096)),
    );
  });

  test('the median of an even count is the lower one, percentiles are interpolated, nothing counts as 0', () => {
    expect(intensityStatistics([intensityPart(Float32Array.of(4, 1, 3, 2))])).toMatchObject({
      median: 2,
      mean: 2.5,
      min: 1,
      max: 4,
      percentile_10_0: 1.3,
    });
    expect(intensityStatistics([])).toMatchObject({
      median: 0,
      mean: 0,
      stdev: 0,
      percentile_99_5: 0,
    });
  });
});

/** The golden example of ../shared/reference/automl.md 1.4, computed by MONAI. */
function golden(index: number): { image: Volume; label: LabelMap } {
  const shape: Vec3 = [8 + 2 * index, 7, 6];
  const affine = IDENTITY_AFFINE.map((value, position) =>
    position === 0 ? 1 + 0.5 * index : position === 10 ? 2 : value,
  );
  const data = Float32Array.from({ length: voxelCount(shape) }, (_, n) => ((37 * n + 11 * index) % 101) - 20);
  const labels = new Uint8Array(data.length);
  const box = (value: number, [x0, x1, y0, y1, z0, z1]: number[]): void => {
    for (let x = x0 ?? 0; x < (x1 ?? 0); x += 1)
      for (let y = y0 ?? 0; y < (y1 ?? 0); y += 1)
        for (let z = z0 ?? 0; z < (z1 ?? 0); z += 1) labels[(x * 7 + y) * 6 + z] = value;
  };
  box(1, [2, 5, 2, 5, 1, 4]);
  if (index === 0) box(2, [5, 7, 1, 3, 2, 5]);
  return { image: { shape, channels: 1, data, affine }, label: { shape, data: labels, affine } };
}

const names = (caseId: string): { caseId: string; image: string; label: string } => ({
  caseId,
  image: 'i',
  label: 'l',
});
const goldenCases = [0, 1].map((index) =>
  caseStatistics(golden(index).image, golden(index).label, names(String(index))),
);

describe('analysis', () => {
  test("agrees with MONAI's DataAnalyzer on its golden example", () => {
    const {
      image_stats: image,
      image_foreground_stats: foreground,
      label_stats: label,
      n_cases: cases,
    } = summarizeAnalysis(goldenCases);
    expect(cases).toBe(2);
    expect(image.shape).toMatchObject({ max: [10, 7, 6], mean: [9, 7, 6], stdev: [1, 0, 0] });
    expect(image.shape.percentile?.map((row) => (row as number[])[0])).toEqual([8, 8, 9, 9]);
    expect(image.spacing).toMatchObject({
      median: [1.25, 1, 2],
      percentile_10_0: [1.05, 1, 2],
      percentile_99_5: [1.4975, 1, 2],
    });
    expect(image.sizemm).toMatchObject({ median: [11.5, 7, 12] });
    expect((image.sizemm.percentile_90_0 as number[])[0]).toBeCloseTo(14.3, 10);
    expect(image.intensity).toMatchObject({
      max: 80,
      median: 30,
      min: -20,
      percentile_00_5: -20,
      percentile_10_0: -10,
      percentile_90_0: 70,
      percentile_99_5: 80,
    });
    expect(image.intensity.mean).toBeCloseTo(29.9872, 4);
    expect(image.intensity.stdev).toBeCloseTo(29.15686, 4);
    const expected = {
      max: 79,
      mean: 29.42735,
      median: 26,
      min: -19,
      stdev: 29.049,
      percentile_00_5: -17.275,
      percentile_90_0: 65.9,
      percentile_99_5: 78.395,
    };
    for (const [key, value] of Object.entries(expected))
      expect(foreground.intensity[key as 'max']).toBeCloseTo(value, 4);
    expect(label.label.map((one) => one.value)).toEqual([0, 1, 2]);
    const fractions = label.label.map((one) => one.foreground_percentage.mean as number);
    [0.90982145, 0.07232143, 0.03571429].forEach((value, index) => expect(fractions[index]).toBeCloseTo(value, 7));
  });

  test('labels count by value: a case that lacks label 1 does not lend its label 2 to it', () => {
    const { image, label } = golden(0);
    const without = { ...label, data: Uint8Array.from(label.data, (value) => (value === 1 ? 0 : value)) };
    const cases = [goldenCases[0], caseStatistics(image, without, names('b'))].flatMap((one) => one ?? []);
    const summary = summarizeAnalysis(cases).label_stats.label;
    const fraction = (value: number): unknown => summary.find((one) => one.value === value)?.foreground_percentage.mean;
    expect(fraction(1)).toBeCloseTo(27 / 336, 12);
    expect(fraction(2)).toBeCloseTo(12 / 336, 12);
    const lengthsMm = cases[0]?.image_stats.sizemm[0] ?? [];
    const volumeMl = lengthsMm.reduce((product, length) => product * length, 1) / 1000;
    expect(summary.find((one) => one.value === 1)?.volume_ml?.mean).toBeCloseTo((27 / 336) * volumeMl, 10);
  });

  test('intensities are those of the box of positive voxels, axes are RAS, components are counted', () => {
    const shape: Vec3 = [3, 4, 5];
    const data = new Float32Array(60);
    const at = (x: number, y: number, z: number): number => (x * 4 + y) * 5 + z;
    data[at(1, 1, 1)] = 8;
    data[at(1, 2, 3)] = 4;
    data[at(0, 0, 0)] = -5; // outside the box of positive voxels
    const labels = new Uint8Array(60);
    labels[at(0, 0, 0)] = 7;
    labels[at(1, 1, 1)] = 7; // touches the first by a corner
    labels[at(2, 3, 4)] = 7;
    // The file's first axis runs along z.
    const affine = [0, 2, 0, 0, 0, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 1];
    const result = caseStatistics({ shape, channels: 1, data, affine }, { shape, data: labels, affine }, names('c'));
    expect(result.image_stats).toMatchObject({
      shape: [[4, 5, 3]],
      cropped_shape: [[2, 3, 1]],
      spacing: [2, 3, 1],
      sizemm: [[8, 15, 3]],
    });
    expect(result.image_stats.intensity[0]).toMatchObject({ min: 0, max: 8, mean: 2 });
    expect(result.label_stats.label[1]).toMatchObject({
      value: 7,
      ncomponents: 2,
      shape: [
        [2, 2, 2],
        [1, 1, 1],
      ],
      foreground_percentage: 0.05,
    });
  });

  test('each channel has its own statistics; the summary averages them', () => {
    const { image, label } = golden(1);
    const data = new Float32Array(image.data.length * 2);
    data.set(image.data);
    data.set(
      image.data.map((value) => value * 3),
      image.data.length,
    );
    const both = caseStatistics({ ...image, channels: 2, data }, label, names('d'));
    const [first, second] = both.image_stats.intensity;
    expect(second?.mean).toBeCloseTo((first?.mean ?? 0) * 3, 4);
    expect(summarizeAnalysis([both]).image_stats.intensity.mean).toBeCloseTo((first?.mean ?? 0) * 2, 4);
    expect(summarizeAnalysis([both]).image_stats.shape.max).toEqual([10, 7, 6]);
  });
});
