import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from './kinds/spatial.ts';

const SAMPLES = join(import.meta.dirname, '../../samples/hippocampus');

interface Case {
  image_linear?: { value: number[]; std: number };
  label_nearest_counts?: number[];
  affine: number[][];
}

async function reference(): Promise<{ kind: string; cases: Case[] }> {
  return JSON.parse(await readFile(join(import.meta.dirname, 'reference/spatial.json'), 'utf8'));
}

test('resampling and orientation agree with MONAI on real cases, affines and label counts included', async () => {
  const rows = await check(await reference(), SAMPLES);
  expect(rows.filter((row) => !row.ok)).toEqual([]);
  expect(rows.length).toBe(33);
});

test('labels are resampled as MONAI does to the voxel, exact halves included', async () => {
  const rows = await check(await reference(), SAMPLES);
  const counts = rows.filter((row) => row.part.endsWith('label counts'));
  expect(counts.length).toBe(6);
  expect(counts.map((row) => row.maxError)).toEqual(counts.map(() => 0));
});

test('a value, an affine or a count that is off by more than the tolerance is not ok', async () => {
  const { kind, cases } = await reference();
  const first = cases[0] as Case & { image_linear: { value: number[]; std: number }; label_nearest_counts: number[] };
  const { value, std } = first.image_linear;
  const off = {
    ...first,
    image_linear: { ...first.image_linear, value: value.map((one, index) => (index === 3 ? one + 2e-3 * std : one)) },
    label_nearest_counts: first.label_nearest_counts.map((count, index) =>
      index === 2 ? Math.round(count * 1.01) : count,
    ),
    affine: first.affine.map((row, index) => (index === 1 ? [...row.slice(0, 3), (row[3] ?? 0) + 1e-4] : row)),
  };
  const rows = await check({ kind, cases: [off] }, SAMPLES);
  expect(rows.map((row) => row.ok)).toEqual([true, false, false, false]);
});
