import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countOf, patchOf } from './lib/arguments.ts';
import { benchDevice } from './lib/device.ts';
import { watchGpuMemory } from './lib/gpu-memory.ts';
import { say } from './lib/json-lines.ts';
import { ANCHOR, type BenchOptions, readOptions } from './lib/options.ts';
import { runJsonProcess } from './lib/process.ts';
import { median, rounded } from './lib/statistics.ts';
import type { MeasuredPrediction, PredictConfiguration } from './predict/configuration.ts';
import { linkImages, writeModel } from './predict/material.ts';
import { PRECISIONS, SEGRESNET_16 } from './step/configuration.ts';

/*
 * How fast a bundle segments images, from files to files, each side in a process of its own. Overlap 0.5, Gaussian blending,
 * SegResNetDS of 16 filters, untrained (which costs the same). With --anchor also MONAI's SlidingWindowInferer on the same network, weights and files, at
 * its fastest of precision, memory format and windows at once, interleaved, and the ratio of our faster precision to it.
 */

const FLIPS = [[0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2]];
const GOALS = { time: 0.6, memory: 0.6 };
/** Cases by which the anchor's fastest variant is found. */
const SEARCH_CASES = 5;

/** For `--help`. */
export const ABOUT =
  'Sliding-window prediction from files to files, overlap 0.5: a JSON line a configuration with seconds, voxels a second and peak memory.';

/** See {@link BenchOptions}. */
export const OPTIONS = {
  input: { value: 'DIR', about: 'images to predict; absent: those of the sample dataset' },
  cases: { value: 'N', about: 'how many of them, repeated where there are fewer', default: '50' },
  patch: { value: '32x48x32', about: 'windows of this size', default: '32x48x32' },
  flips: { value: '0,3', about: 'mirrored passes beside the plain one, one number or more', default: '0,3' },
  'window-batch': { value: 'N', about: 'windows at once', default: '4' },
  anchor: ANCHOR,
  rounds: { value: 'N', about: 'rounds, interleaved, of which the median counts; absent: 3 with --anchor, else 1' },
} as const satisfies BenchOptions;

/** See the head of this file. */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const device = await benchDevice();
  const rounds = countOf('rounds', values.rounds ?? (values.anchor === undefined ? '1' : '3'));
  const folder = await mkdtemp(join(tmpdir(), 'voxhelm-bench-'));
  try {
    await linkImages(join(folder, 'input'), values.input, countOf('cases', values.cases));
    await linkImages(join(folder, 'few'), values.input, SEARCH_CASES);
    for (const flips of values.flips.split(',')) {
      const setting = {
        ...{ engine: 'compiled' as const, device, network: SEGRESNET_16 },
        ...{ patch: patchOf(values.patch), overlap: 0.5, flips: FLIPS.slice(0, Number(flips)), channelsLast: true },
        ...{ windowBatch: countOf('window-batch', values['window-batch']) },
        ...{ input: join(folder, 'input'), output: join(folder, 'output') },
      };
      const ours: PredictConfiguration[] = [];
      for (const precision of PRECISIONS) {
        const configured = { ...setting, precision };
        ours.push({ ...configured, ...(await writeModel(folder, configured)) });
      }
      const [first] = ours as [PredictConfiguration];
      const few = { ...first, input: join(folder, 'few') };
      const anchor = values.anchor === undefined ? [] : [await fastestAnchor(few, first.input, values.anchor)];
      await compare([...ours, ...anchor], rounds, values.anchor);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The anchor's fastest variant on a few cases, to be run on all. */
async function fastestAnchor(few: PredictConfiguration, input: string, python: string): Promise<PredictConfiguration> {
  let best = { configuration: few, seconds: Number.POSITIVE_INFINITY };
  for (const precision of ['bfloat16', 'float32'] as const) {
    for (const channelsLast of [false, true]) {
      for (const windowBatch of [1, 4, 8]) {
        const configuration = { ...few, engine: 'pytorch' as const, precision, channelsLast, windowBatch };
        const { seconds } = await run(configuration, python);
        if (seconds < best.seconds) best = { configuration, seconds };
      }
    }
  }
  return { ...best.configuration, input };
}

async function run(configuration: PredictConfiguration, python: string | undefined): Promise<MeasuredPrediction> {
  const argument = JSON.stringify(configuration);
  const here = (file: string): string => join(import.meta.dirname, file);
  const watch = configuration.device === 'cuda' ? await watchGpuMemory() : null;
  const { result } =
    configuration.engine === 'pytorch' && python !== undefined
      ? await runJsonProcess(python, [here('anchor/predict.py'), argument])
      : await runJsonProcess(process.execPath, ['--import', 'tsx', here('predict/predict-process.ts'), argument]);
  const gpu = watch === null ? {} : { peakMb: await watch.stop() };
  return { ...(result as unknown as MeasuredPrediction), ...gpu };
}

async function compare(
  configurations: readonly PredictConfiguration[],
  rounds: number,
  python: string | undefined,
): Promise<void> {
  const series = configurations.map((configuration) => ({ configuration, rounds: [] as MeasuredPrediction[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const each of series) each.rounds.push(await run(each.configuration, python));
  }
  for (const { configuration, rounds: measured } of series) {
    const { engine, precision, channelsLast, device, network, patch, overlap, flips, windowBatch } = configuration;
    const seconds = median(measured.map((round) => round.seconds));
    const [first] = measured;
    say({
      ...{
        name: 'predict',
        network,
        engine,
        precision,
        device,
        patch,
        overlap,
        flips: flips.length,
        cases: first?.cases,
      },
      ...(engine === 'pytorch' ? { channelsLast, windowBatch } : {}),
      voxelsPerSecond: rounded((first?.voxels ?? Number.NaN) / seconds),
      seconds: rounded(seconds),
      peakMb: rounded(median(measured.map((round) => round.peakMb))),
      rounds: measured.map((round) => rounded(round.seconds)),
    });
  }
  const secondsOf = ({ rounds: measured }: (typeof series)[number]): number =>
    median(measured.map((round) => round.seconds));
  const anchor = series.find(({ configuration }) => configuration.engine === 'pytorch');
  const [ours] = series.filter((each) => each !== anchor).sort((a, b) => secondsOf(a) - secondsOf(b));
  if (ours === undefined || anchor === undefined) return;
  const ratio = (field: 'seconds' | 'peakMb') =>
    rounded(median(ours.rounds.map((round, i) => round[field] / (anchor.rounds[i]?.[field] ?? Number.NaN))));
  const { network, patch, flips, precision } = ours.configuration;
  const line = {
    precision,
    network: network.class,
    patch,
    flips: flips.length,
    time: ratio('seconds'),
    memory: ratio('peakMb'),
  };
  say({ name: 'predict-ratio', ...line, goals: GOALS });
}
