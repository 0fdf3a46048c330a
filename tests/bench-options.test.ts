import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { anchorPython } from './bench/accuracy/anchor.ts';
import { main as accuracy } from './bench/accuracy.ts';
import { main } from './bench/analyze.ts';
import { minutesOf } from './bench/lib/arguments.ts';
import { readOptions } from './bench/lib/options.ts';
import { wrongUsage } from './bench/lib/wrong-usage.ts';
import { main as metrics } from './bench/metrics.ts';

const BENCHMARKS = fileURLToPath(new URL('./bench/', import.meta.url));

test.each([
  [['--dta', 'x'], /unknown option '--dta'/i],
  [['--data', '/nowhere'], /\/nowhere does not exist/],
])('bench -- analyze %j is refused in words', async (args, message) => {
  const said = wrongUsage(await main(args).catch((error: unknown) => error));
  expect(said).toMatch(message);
  expect(said).not.toMatch(/^\s+at /m);
  expect(wrongUsage(new TypeError('a fault of ours'))).toBeNull();
});

test('npm run bench -- train-step --help lists each option with what it does and its default', () => {
  const main = `${BENCHMARKS}main.ts`;
  const shown = execFileSync(process.execPath, ['--import', 'tsx', main, 'train-step', '--help'], { encoding: 'utf8' });
  expect(shown).toMatch(/^npm run bench -- train-step \[options\]\n/);
  for (const option of ['network', 'patch', 'batch', 'precision', 'engine', 'rounds', 'anchor', 'device']) {
    expect(shown).toMatch(new RegExp(`^  --${option} \\S+ {2,}\\S`, 'm'));
  }
  expect(shown).toMatch(/^ {2}--measure-ms MS .*\(5000\)$/m);
});

test('every benchmark has a table of its options, by which its command line is read', () => {
  const files = readdirSync(BENCHMARKS).filter((file) => file.endsWith('.ts') && file !== 'main.ts');
  expect(files.length).toBeGreaterThan(10);
  for (const file of files) {
    const source = readFileSync(`${BENCHMARKS}${file}`, 'utf8');
    expect(source, file).toMatch(/^export const ABOUT =/m);
    expect(source, file).toMatch(/^export (const OPTIONS = \{|\{ OPTIONS \})/m);
    expect(source, file).not.toContain('parseArgs');
  }
});

test('an option without a value has its default, or none', () => {
  const options = { a: { value: 'N', about: '', default: '3' }, b: { value: 'N', about: '' } } as const;
  expect(readOptions(['--b', '4'], options)).toMatchObject({ a: '3', b: '4' });
  expect(readOptions([], options).b).toBeUndefined();
});

test.each([
  [['--data', '/nowhere'], /\/nowhere\/dataset\.json cannot be read\n {2}Give a folder in Decathlon layout/],
  [['--minutes', '0'], /--minutes 0 is no time in minutes\n {2}Write a number above 0, for example 20 or 1\.5/],
  [['--algorithms', 'ancor'], /--algorithms ancor is not known\n {2}Use one of: .*service, anchor/],
  [['--anchor', '/nowhere/python'], /\/nowhere\/python is no Python with monai/],
])('bench -- accuracy %j is refused in words', async (args, message) => {
  expect(wrongUsage(await accuracy(args).catch((error: unknown) => error))).toMatch(message);
});

test.each([
  [['--sizes', 'hipocampus'], /--sizes hipocampus is not known\n {2}Use one of: hippocampus, head, abdomen/],
  [['--parts', 'distance'], /--parts distance is not known\n {2}Use one of: overlaps, files, distances/],
  [['--anchor', '/nowhere/python'], /\/nowhere\/python is no Python with nnunetv2/],
])('bench -- metrics %j is refused in words', async (args, message) => {
  expect(wrongUsage(await metrics(args).catch((error: unknown) => error))).toMatch(message);
});

test('minutes may be parts of one, and the anchor is left out where no Python with MONAI is at hand', () => {
  expect(minutesOf('minutes', '1.5')).toBe(1.5);
  expect(anchorPython(undefined, ['/nowhere/python'])).toBeNull();
});
