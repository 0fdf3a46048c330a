import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from './kinds/transforms.ts';

interface Reference {
  cases: { image: { value: number[]; std: number }; affine?: number[][]; label_counts?: number[] }[];
}

async function reference(): Promise<Reference> {
  return JSON.parse(await readFile(join(import.meta.dirname, 'reference/transforms.json'), 'utf8'));
}

test('transforms by the names and options of MONAI give what MONAI gives, affines and labels included', async () => {
  const rows = await check(await reference(), '');
  expect(rows.filter((row) => !row.ok)).toEqual([]);
  expect(rows.length).toBeGreaterThan(60);
});

test('a value, an affine or a label that is off is not ok', async () => {
  const planted = await reference();
  const first = planted.cases[0] as Required<Reference['cases'][number]>;
  first.image.value[5] = (first.image.value[5] as number) + 1e-3 * first.image.std;
  (first.affine[1] as number[])[3] = 0;
  first.label_counts[1] = 1;
  expect((await check(planted, '')).filter((row) => !row.ok)).toHaveLength(3);
});
