import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from './kinds/torchio.ts';

interface Reference {
  cases: { image: { value: number[]; std: number } }[];
  draws: { ranges: Record<string, [number, number]> }[];
}

async function reference(): Promise<Reference> {
  return JSON.parse(await readFile(join(import.meta.dirname, 'reference/torchio.json'), 'utf8'));
}

test("motion, ghosting, spikes and bias fields are TorchIO's, and so is what is drawn for them", async () => {
  const rows = await check(await reference(), '');
  expect(rows.filter((row) => !row.ok)).toEqual([]);
  expect(rows.length).toBeGreaterThan(60);
});

test('a value or a range that is off is not ok', async () => {
  const planted = await reference();
  for (const { image } of planted.cases) image.value[5] = (image.value[5] as number) + 1e-3 * image.std;
  for (const { ranges } of planted.draws) {
    for (const range of Object.values(ranges)) range[1] += 0.05 * Math.max(1, range[1] - range[0]);
  }
  const parameters = planted.draws.reduce((count, { ranges }) => count + Object.keys(ranges).length, 0);
  expect((await check(planted, '')).filter((row) => !row.ok)).toHaveLength(planted.cases.length + parameters);
});
