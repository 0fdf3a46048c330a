import { countOf, patchOf } from './lib/arguments.ts';
import { benchDevice } from './lib/device.ts';
import { say } from './lib/json-lines.ts';
import { ANCHOR, type BenchOptions, readOptions } from './lib/options.ts';
import { median, rounded } from './lib/statistics.ts';
import { anchorVariants, interleave, type Series } from './step/compare.ts';
import { CLIP_NORM, oursOf, SEGRESNET_16, type StepConfiguration } from './step/configuration.ts';

/*
 * From the start of a process to the end of its first training step, ours and with --anchor MONAI's, interleaved.
 */

const GOAL = 1;

/** For `--help`. */
export const ABOUT =
  "From the start of a process to the end of its first training step: a JSON line an engine and precision, with --anchor the ratio to MONAI's.";

/** See {@link BenchOptions}. */
export const OPTIONS = {
  patch: { value: '48x48x48', about: 'one patch', default: '48x48x48' },
  batch: { value: 'N', about: 'patches a step', default: '1' },
  anchor: ANCHOR,
  rounds: { value: 'N', about: 'rounds, interleaved, of which the median counts', default: '3' },
} as const satisfies BenchOptions;

/** See the head of this file. */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const device = await benchDevice();
  const row: StepConfiguration = {
    ...{ network: SEGRESNET_16, patch: patchOf(values.patch), batch: countOf('batch', values.batch), device },
    ...{ inChannels: 1, classes: 3, engine: 'eager', precision: 'float32', channelsLast: false },
    ...{ clipNorm: CLIP_NORM, measureMs: 0, minSteps: 1 },
  };
  const theirs = values.anchor === undefined ? [] : anchorVariants(row).filter(({ channelsLast }) => !channelsLast);
  const series = await interleave([...oursOf(row), ...theirs], countOf('rounds', values.rounds), values.anchor);
  for (const each of series) {
    const { engine, precision } = each.configuration;
    const startMs = rounded(median(starts(each)));
    say({ name: 'start', network: SEGRESNET_16.class, engine, precision, device, startMs, rounds: starts(each) });
  }
  // The product trains compiled.
  const ours = quickest(series.filter(({ configuration }) => configuration.engine === 'compiled'));
  const anchor = quickest(series.filter(({ configuration }) => configuration.engine === 'pytorch'));
  if (ours === undefined || anchor === undefined) return;
  const time = rounded(median(starts(ours).map((ms, round) => ms / (starts(anchor)[round] ?? Number.NaN))));
  const sides = { ours: ours.configuration, anchor: anchor.configuration };
  const [mine, other] = [sides.ours, sides.anchor].map(({ engine, precision }) => ({ engine, precision }));
  say({ name: 'start-ratio', network: SEGRESNET_16.class, time, goals: { time: GOAL }, ours: mine, anchor: other });
}

function starts({ rounds }: Series): number[] {
  return rounds.map(({ startMs }) => Math.round(startMs));
}

function quickest(series: readonly Series[]): Series | undefined {
  return [...series].sort((a, b) => median(starts(a)) - median(starts(b)))[0];
}
