import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from './kinds/analysis.ts';

const SAMPLES = join(import.meta.dirname, '../../samples/hippocampus');

interface Intensity {
  median: number;
}
interface Reference {
  kind: string;
  stats_summary: Record<string, unknown>;
  stats_by_cases: { image_stats: { intensity: Intensity[]; cropped_shape: number[][] } }[];
}

async function reference(): Promise<Reference> {
  return JSON.parse(await readFile(join(import.meta.dirname, 'reference/analysis.json'), 'utf8'));
}

test("per-case and summary statistics agree with MONAI's DataAnalyzer", async () => {
  const rows = await check(await reference(), SAMPLES);
  expect(rows.filter((row) => !row.ok)).toEqual([]);
  const parts = rows.map((row) => row.part);
  expect(parts).toContain('case.image_stats.intensity.percentile_99_5');
  expect(parts).toContain('case.label_stats.label.ncomponents');
  expect(parts).toContain('summary.label_stats.label.shape.stdev');
  expect(parts).toContain('summary.n_cases');
});

test('a field that is off by more than the tolerance, or has another shape, is not ok', async () => {
  const { stats_by_cases: cases, kind } = await reference();
  const [first] = cases as [Reference['stats_by_cases'][number]];
  const intensity = first.image_stats.intensity.map((one) => ({ ...one, median: one.median * 1.002 }));
  const off = { ...first, image_stats: { ...first.image_stats, intensity, cropped_shape: [[35, 51]] } };
  const rows = await check({ kind, stats_by_cases: [off] }, SAMPLES);
  expect(rows.filter((row) => !row.ok).map((row) => row.part)).toEqual([
    'case.image_stats.cropped_shape',
    'case.image_stats.intensity.median',
  ]);
});
