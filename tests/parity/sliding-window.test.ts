import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from './kinds/sliding-window.ts';

async function reference(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, `reference/${name}.json`), 'utf8');
}

test('blended windows agree with MONAI for every mode, overlap and size', async () => {
  const rows = await check(JSON.parse(await reference('sliding-window')), '');
  expect(rows.length).toBeGreaterThan(2);
  expect(rows.filter((row) => !row.ok)).toEqual([]);
});

test('a reference of another overlap is not ok', async () => {
  const planted = JSON.parse(await reference('sliding-window')) as { cases: { overlap: number }[] };
  for (const one of planted.cases) one.overlap = one.overlap === 0.5 ? 0.25 : 0.5;
  expect((await check(planted, '')).some((row) => !row.ok)).toBe(true);
});
