import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from './kinds/metrics.ts';

const SAMPLES = join(import.meta.dirname, '../../samples/hippocampus');

async function reference(): Promise<{ kind: string; cases: Record<string, unknown>[] }> {
  return JSON.parse(await readFile(join(import.meta.dirname, 'reference/metrics.json'), 'utf8'));
}

test('metrics agree with MONAI on real label maps, spacings and empty classes', async () => {
  const rows = await check(await reference(), SAMPLES);
  expect(rows.map((row) => row.part)).toEqual(['dice', 'iou', 'hd_mm', 'hd95_mm', 'assd_mm', 'surface_dice']);
  expect(rows.filter((row) => !row.ok)).toEqual([]);
});

test('a reference that is off by twice the tolerance, or null where we have a value, is not ok', async () => {
  const { kind, cases } = await reference();
  const first = cases[0] as { dice: number[] };
  const off = { ...first, dice: [(first.dice[0] ?? 0) + 2e-5, null], hd_mm: [null, null] };
  const rows = await check({ kind, cases: [off] }, SAMPLES);
  expect(rows.filter((row) => !row.ok).map((row) => row.part)).toEqual(['dice', 'hd_mm']);
});
