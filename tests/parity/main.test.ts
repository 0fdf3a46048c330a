import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { main } from './main.ts';

const METRICS = join(import.meta.dirname, 'reference/metrics.json');
const SAMPLES = join(import.meta.dirname, '../../samples/hippocampus');

async function run(...args: string[]): Promise<{ code: number; output: string }> {
  let output = '';
  const code = await main(args, (text) => {
    output += text;
  });
  return { code, output };
}

describe('npm run parity', () => {
  let folder = '';
  const given = async (name: string, content: string): Promise<string> => {
    await writeFile(join(folder, name), content);
    return join(folder, name);
  };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'voxhelm-parity-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  test('prints a row per part as a table and as JSON, exit code 0 where all agree', async () => {
    const table = await run(METRICS, '--data', SAMPLES);
    expect(table.code).toBe(0);
    const lines = table.output.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^part +maxError +tolerance +ok$/);
    expect(lines).toHaveLength(7);
    const json = await run(METRICS, '--data', SAMPLES, '--json');
    const rows = JSON.parse(json.output) as Record<string, unknown>[];
    expect(rows.map((row) => Object.keys(row))).toEqual(rows.map(() => ['part', 'maxError', 'tolerance', 'ok']));
    expect(rows.map((row) => row['part'])).toContain('hd95_mm');
  });

  test('a part that does not agree is exit code 1', async () => {
    const reference = JSON.parse(await readFile(METRICS, 'utf8'));
    const [first] = reference.cases;
    const off = { ...reference, cases: [{ ...first, hd_mm: [null, first.hd_mm[1]] }] };
    const { code, output } = await run(await given('off.json', JSON.stringify(off)), '--data', SAMPLES, '--json');
    expect(code).toBe(1);
    const rows = JSON.parse(output) as { part: string; maxError: number | null; ok: boolean }[];
    expect(rows.filter((row) => !row.ok)).toEqual([{ part: 'hd_mm', maxError: null, tolerance: 1e-4, ok: false }]);
  });

  test.each(['swinunetr-other', 'dints-other', 'unet-plain-other', 'unet-residual-other'])(
    "%s: a network's file in a configuration of its own, exit code 0; with another option not",
    async (name) => {
      const file = join(import.meta.dirname, `reference/${name}.json`);
      const { code, output } = await run(file);
      expect(code, output).toBe(0);
      expect(output).toMatch(/^output 0 .*yes$/m);
      expect(output).toMatch(/^gradient norms, largest error .*yes$/m);

      const reference = JSON.parse(await readFile(file, 'utf8')) as { note: Record<string, unknown> };
      const classes = ['out_channels', 'num_classes'].find((option) => option in reference.note) as string;
      const other = { ...reference, note: { ...reference.note, [classes]: 5 } };
      expect((await run(await given(`${name}.json`, JSON.stringify(other)))).code).toBe(1);
    },
    60_000,
  );

  test('nothing to compare is exit code 2, with the reason', async () => {
    const unknown = await run(await given('unknown.json', '{"kind":"tarot"}'));
    expect(unknown).toMatchObject({
      code: 2,
      output: expect.stringContaining('unknown kind "tarot"; known are network'),
    });
    expect(await run(await given('none.json', '{}'))).toMatchObject({
      code: 2,
      output: expect.stringContaining('names no kind'),
    });
    expect(await run(await given('text.json', 'x'))).toMatchObject({
      code: 2,
      output: expect.stringContaining('no JSON'),
    });
    expect(await run()).toMatchObject({ code: 2, output: expect.stringContaining('usage') });
    expect(await run(METRICS, '--colour')).toMatchObject({ code: 2, output: expect.stringContaining('--colour') });
    expect(await run(METRICS, '--data', folder)).toMatchObject({
      code: 2,
      output: expect.stringContaining('which is not in'),
    });
  });
});
