import { expect, test } from 'vitest';
import { IDENTITY_AFFINE, type LabelMap, type Volume } from '../volume.ts';
import { caseStatistics } from './case-statistics.ts';
import { pooledForeground, sampleForeground } from './pooled-foreground.ts';

/** A case of two channels whose foreground (label 1) is the voxels of some values; the second channel is ten times the first. */
function made(foreground: readonly number[]): { image: Volume; label: LabelMap } {
  const values = [0, ...foreground];
  const shape = [values.length, 1, 1] as const;
  return {
    image: {
      shape,
      affine: IDENTITY_AFFINE,
      channels: 2,
      data: Float32Array.from([...values, ...values.map((x) => 10 * x)]),
    },
    label: { shape, affine: IDENTITY_AFFINE, data: Uint8Array.from(values, (_, i) => (i === 0 ? 0 : 1)) },
  };
}

function pool(...cases: readonly (readonly number[])[]) {
  const parts = cases.map(made);
  const names = { caseId: 'c', image: 'i', label: 'l' };
  return pooledForeground(
    parts.map(({ image, label }) => caseStatistics(image, label, names)),
    parts.map(({ image, label }) => sampleForeground(image, label)),
  );
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

test('each channel has its own percentiles, and a case of few voxels counts as much as one of many', () => {
  const [first, second] = pool(range(0, 20_000), range(100_000, 200)) ?? [];
  // Half of the pool is each case's: the median lies between them.
  expect(first?.percentile_10_0).toBeCloseTo(0.2 * 20_000, -2);
  expect(first?.percentile_90_0).toBeCloseTo(100_000 + 0.8 * 200, -1);
  expect(first).toMatchObject({ min: 0, max: 100_199 });
  expect(second?.percentile_99_5).toBeCloseTo(10 * (first?.percentile_99_5 ?? 0), 0);
});

test('mean and deviation are those of the pool: of each case half', () => {
  const [first] = pool([1, 1, 3, 3], [10, 10]) ?? [];
  const values = [1, 1, 3, 3, 10, 10, 10, 10];
  const mean = values.reduce((sum, x) => sum + x / 8, 0);
  expect(first?.mean).toBeCloseTo(mean, 6);
  expect(first?.stdev).toBeCloseTo(Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2 / 8, 0)), 6);
});

test('cases without foreground give nothing; where none has any there is no pool', () => {
  expect(pool([], [5, 7])?.[0]).toMatchObject({ min: 5, max: 7 });
  expect(pool([], [])).toBeNull();
});
