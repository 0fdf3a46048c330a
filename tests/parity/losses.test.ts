import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { check } from './kinds/losses.ts';

async function reference(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, `reference/${name}.json`), 'utf8');
}

test.each(['losses', 'losses-options', 'losses-one-channel'])(
  '%s: every loss and its gradient agree with MONAI',
  async (name) => {
    const rows = await check(JSON.parse(await reference(name)), '');
    expect(rows.length).toBeGreaterThan(10);
    expect(rows.filter((row) => !row.ok)).toEqual([]);
  },
);

test('a reference with another value is not ok', async () => {
  const planted = JSON.parse(await reference('losses')) as { cases: { value: number }[] };
  for (const one of planted.cases) one.value *= 1.001;
  expect((await check(planted, '')).some((row) => !row.ok)).toBe(true);
});
