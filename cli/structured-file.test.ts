import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readStructured } from './structured-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'voxhelm-structured-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(name: string, text: string): Promise<unknown> {
  const path = join(folder, name);
  await writeFile(path, text);
  return readStructured(path);
}

test.each([
  ['a missing bracket', '[{\n  "name": "RandFlipd"', 'line 2 column 22'],
  ['a comma too many', '[\n  { "name": "RandFlipd", "prob": 0.5, },\n  { "name": "RandZoomd" }\n]', 'line 2 column 39'],
  [
    'a word without quotes',
    '[\n  { "name": "RandFlipd", "prob": often },\n  { "name": "RandZoomd" }\n]',
    'line 2 column 34',
  ],
  ['nothing', '', 'line 1 column 1'],
])('of %s in a .json the file and the place are told, in JSON’s words', async (_, text, place) => {
  await expect(read('x.json', text)).rejects.toThrow(/x\.json is no valid JSON: /);
  await expect(read('x.json', text)).rejects.toThrow(place);
});

test('broken YAML and a file that is not there name the file; both formats are read', async () => {
  await expect(read('x.yaml', '- { name: a\n')).rejects.toThrow(/x\.yaml is no valid YAML: [^]*line 2/);
  await expect(readStructured(join(folder, 'none.json'))).rejects.toThrow(/none\.json cannot be read: ENOENT/);
  expect(await read('y.json', '[1, {"a": null}]')).toEqual(await read('y.yaml', '- 1\n- { a: null }\n'));
});
