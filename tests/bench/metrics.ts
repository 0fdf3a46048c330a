import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { chosen, countOf } from './lib/arguments.ts';
import { say } from './lib/json-lines.ts';
import { type BenchOptions, readOptions } from './lib/options.ts';
import { runJsonProcess } from './lib/process.ts';
import { median, rounded } from './lib/statistics.ts';
import { CASE_FILE, type MapSize, SIZES, type SizeName, writeMaps } from './metrics/label-maps.ts';
import { type MeasuredPart, type MetricsSetting, PARTS, type Part } from './metrics/setting.ts';

const SIZE_NAMES = Object.keys(SIZES) as readonly SizeName[];
const SEED = 0;
const TOLERANCE_MM = 1;
/** At nnU-Net's speed or better. */
const GOAL = 1;
const HAS_NNUNET = 'import sys; from importlib.util import find_spec; sys.exit(find_spec("nnunetv2") is None)';

/** For `--help`. */
export const ABOUT =
  "Scores of made-up label maps, a JSON line for each way of computing them and one for each ratio: Dice and IoU in memory and with both files read, beside nnU-Net's compute_metrics; all distances beside MONAI's.";

/** See {@link BenchOptions}. */
export const OPTIONS = {
  sizes: {
    value: 'LIST',
    about: `of ${sizeTexts().join(', ')}; absent: all`,
  },
  parts: { value: 'LIST', about: `of ${PARTS.join(', ')}; absent: all` },
  rounds: { value: 'N', about: 'ours and theirs in turn; each round in a process of its own', default: '3' },
  'measure-ms': { value: 'MS', about: 'for how long each is called after its first call', default: '1000' },
  anchor: {
    value: 'PYTHON',
    about: 'a Python with nnunetv2 (and monai, for distances), which is measured beside ours; absent: ours alone',
  },
} as const satisfies BenchOptions;

function sizeTexts(): string[] {
  return SIZE_NAMES.map((name) => `${name} (${SIZES[name].shape.join('x')}, ${SIZES[name].classes} classes)`);
}

/**
 * One pair of made-up label maps a size. In each round a process of ours and one of theirs measures every part, so that load
 * hits both alike; a time is the median over rounds, a ratio the median of the ratios within a round.
 */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const sizes = chosen('sizes', values.sizes, SIZE_NAMES);
  const parts = chosen('parts', values.parts, PARTS);
  const rounds = countOf('rounds', values.rounds);
  const measureMs = countOf('measure-ms', values['measure-ms'], 0);
  if (values.anchor !== undefined) requireNnunet(values.anchor);
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-bench-metrics-'));
  try {
    for (const name of sizes) {
      const size: MapSize = SIZES[name];
      const { classes, spacingMm } = size;
      const maps = await writeMaps(join(folder, name), size, SEED);
      const setting = { ...maps, file: CASE_FILE, classes, spacingMm, toleranceMm: TOLERANCE_MM, parts, measureMs };
      const measured: MeasuredPart[][] = [];
      for (let round = 0; round < rounds; round += 1) measured.push(await measureRound(setting, values.anchor));
      for (const part of parts) tell(name, size, part, measured);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function requireNnunet(python: string): void {
  if (spawnSync(python, ['-c', HAS_NNUNET], { stdio: 'ignore', timeout: 20_000 }).status === 0) return;
  throw new VoxhelmError('not-installed', `${python} is no Python with nnunetv2`, {
    fix: 'Give one after --anchor: pip install nnunetv2==2.8.1 monai==1.6.1 in an environment of its own.',
  });
}

async function measureRound(setting: MetricsSetting, anchor: string | undefined): Promise<MeasuredPart[]> {
  const here = (file: string): string => join(import.meta.dirname, file);
  const argument = JSON.stringify(setting);
  const ours = await runJsonProcess(process.execPath, [
    '--import',
    'tsx',
    here('metrics/metrics-process.ts'),
    argument,
  ]);
  if (anchor === undefined) return ours.result['measured'] as MeasuredPart[];
  const theirs = await runJsonProcess(anchor, [here('anchor/metrics.py'), argument]);
  return [ours, theirs].flatMap(({ result }) => result['measured'] as MeasuredPart[]);
}

/** A line for each way of computing a part, ours first, and one for ours against each other way. */
function tell(size: SizeName, { shape, classes }: MapSize, part: Part, rounds: readonly MeasuredPart[][]): void {
  const ways = [...new Set(rounds.flat().flatMap((one) => (one.part === part ? [one.by] : [])))];
  const of = (by: string): MeasuredPart[] =>
    rounds.flatMap((round) => round.filter((one) => one.part === part && one.by === by));
  const head = { size, shape, classes, part };
  for (const by of ways) {
    const measured = of(by);
    say({
      ...{ name: 'metrics', ...head, by },
      ms: rounded(median(measured.map(({ ms }) => ms))),
      firstMs: rounded(median(measured.map(({ firstMs }) => firstMs))),
      rounds: measured.map(({ ms }) => rounded(ms)),
    });
  }
  const [ours = '', ...others] = ways;
  for (const by of others) {
    const [mine, theirs] = [of(ours), of(by)];
    const ratios = mine.map(({ ms }, round) => ms / (theirs[round]?.ms ?? Number.NaN));
    const difference = largestDifference(mine[0]?.scores ?? {}, theirs[0]?.scores ?? {});
    say({ name: 'metrics-ratio', ...head, than: by, time: rounded(median(ratios)), goal: GOAL, difference });
  }
}

/** The largest difference of any score that both computed. Throws where only one says that it is not defined. */
function largestDifference(ours: MeasuredPart['scores'], theirs: MeasuredPart['scores']): number {
  const differences = Object.entries(theirs).flatMap(([metric, values]) =>
    values.map((value, index) => {
      const own = ours[metric]?.[index] ?? null;
      if (own === null && value === null) return 0;
      if (own !== null && value !== null) return Math.abs(own - value);
      throw new Error(`${metric} of class ${index + 1}: ours is ${own}, theirs ${value}`);
    }),
  );
  return rounded(Math.max(0, ...differences));
}
