import { networkOf } from '@voxhelm/algorithms/networks';
import { chosen, countOf, patchOf } from './lib/arguments.ts';
import { benchDevice } from './lib/device.ts';
import { say } from './lib/json-lines.ts';
import { ANCHOR, type BenchOptions, readOptions } from './lib/options.ts';
import { median, rounded } from './lib/statistics.ts';
import { fastestAnchor, interleave, ratioOf, type Series } from './step/compare.ts';
import { CLIP_NORM, ENGINES, oursOf, PRECISIONS, type StepConfiguration } from './step/configuration.ts';
import { type BenchNetwork, networksGiven, type Row } from './step/networks.ts';
import type { MeasuredStep } from './step/run-step.ts';

/*
 * How long a training step takes and how much memory, each configuration in a process of its own. Options: OPTIONS, or
 * `npm run bench -- train-step --help`.
 *
 * A JSON line a configuration (medians over the rounds), with --anchor also the anchor's and the ratio to it. `peakMb` is
 * resident memory above the state in which libraries are loaded and a batch lies ready: weights, optimiser state and
 * programs count, on both sides. Issues 5 and 6 name the goals.
 */

/** For `--help`. */
export const ABOUT =
  'Time and peak memory of a training step, split into its parts: a JSON line a configuration, with --anchor the ratio to MONAI and PyTorch as well.';

/** See {@link BenchOptions}. */
export const OPTIONS = {
  network: {
    value: 'NAME',
    about:
      'one, by class or label: SegResNetDS, SwinUNETR, "SwinUNETR 24", DiNTS, "DiNTS found", PlainConvUNet, ResidualEncoderUNet (step/networks.ts); absent: SegResNetDS',
  },
  options: { value: 'JSON', about: "the network's options in place of its own" },
  patch: { value: '48x48x48', about: "one patch; absent: the network's rows" },
  batch: { value: 'N', about: "patches a step; absent: the network's rows" },
  engine: { value: 'eager,compiled', about: 'who computes, one or more; absent: both' },
  precision: { value: 'float32,bfloat16', about: 'one or more; absent: both' },
  anchor: ANCHOR,
  rounds: { value: 'N', about: 'rounds, interleaved, of which the median counts; absent: 3 with --anchor, else 1' },
  recompute: { value: 'none,blocks', about: 'what is computed again for the gradient, one or more', default: 'none' },
  'augment-on': { value: 'loader,device', about: 'where batches are augmented, one or more', default: 'loader' },
  'measure-ms': {
    value: 'MS',
    about: 'how long steps are repeated; 0: the first step alone, for its peak memory',
    default: '5000',
  },
} as const satisfies BenchOptions;

/** See the head of this file. */
export async function main(args: readonly string[]): Promise<void> {
  const values = readOptions(args, OPTIONS);
  const networks = networksGiven(values.network, values.options);
  const engines = chosen('engine', values.engine, ENGINES);
  const precisions = chosen('precision', values.precision, PRECISIONS);
  const device = await benchDevice();
  const recompute = chosen('recompute', values.recompute, ['none', 'blocks'] as const);
  const augmentOn = chosen('augment-on', values['augment-on'], ['loader', 'device'] as const);
  const rounds = countOf('rounds', values.rounds ?? (values.anchor === undefined ? '1' : '3'));
  const measureMs = values['measure-ms'] === '0' ? 0 : countOf('measure-ms', values['measure-ms']);
  for (const { bench, row } of rowsOf(networks, values.patch, values.batch)) {
    const { network } = bench;
    const { inChannels, outChannels: classes } = networkOf(network);
    const common: StepConfiguration = {
      ...{ network, ...row, device, inChannels, classes, measureMs },
      ...{ engine: 'eager', precision: 'float32', channelsLast: true, clipNorm: CLIP_NORM, minSteps: 5 },
    };
    const configurations: StepConfiguration[] = oursOf(common, engines, precisions).flatMap((one) =>
      recompute.flatMap((how) => augmentOn.map((where) => ({ ...one, recompute: how, augmentOn: where }))),
    );
    if (values.anchor !== undefined) configurations.push(await fastestAnchor(common, values.anchor));
    const series = await interleave(configurations, rounds, values.anchor);
    for (const each of series) say({ name: 'train-step', label: bench.label, ...lineOf(each) });
    const ratio = ratioOf(series);
    if (ratio !== null) {
      const sides = { ours: kindOf(ratio.ours), anchor: kindOf(ratio.anchor) };
      const { time, memory } = ratio;
      const about = { label: bench.label, network: network.class, ...row };
      say({ name: 'train-step-ratio', ...about, time, memory, goals: bench.goals, ...sides });
    }
  }
}

/** The networks' own rows, or those of one patch. */
function rowsOf(networks: readonly BenchNetwork[], patch: string | undefined, batch: string | undefined) {
  return networks.flatMap((bench) => rowsGiven(bench.rows, patch, batch).map((row) => ({ bench, row })));
}

function rowsGiven(rows: readonly Row[], patch: string | undefined, batch: string | undefined): readonly Row[] {
  if (patch === undefined) return rows.filter((row) => batch === undefined || row.batch === Number(batch));
  const size = patchOf(patch);
  if (batch !== undefined) return [{ patch: size, batch: countOf('batch', batch) }];
  const same = rows.filter((row) => row.patch.join() === size.join());
  return same.length > 0 ? same : [{ patch: size, batch: 1 }];
}

function kindOf({ configuration: { engine, precision, channelsLast } }: Series) {
  return { engine, precision, ...(engine === 'pytorch' ? { channelsLast } : {}) };
}

const FIELDS = [
  ...(['stepMs', 'peakMb', 'forwardMs', 'backwardMs', 'optimizerMs', 'waitMs'] as const),
  ...(['compileMs', 'firstStepMs', 'startMs'] as const),
];

function lineOf(series: Series): Record<string, unknown> {
  const { network, patch, batch, device, recompute, augmentOn } = series.configuration;
  const values = FIELDS.flatMap((field) => {
    const measured = series.rounds
      .map((round: MeasuredStep) => round[field])
      .filter((value) => typeof value === 'number');
    return measured.length === 0 ? [] : [[field, rounded(median(measured))]];
  });
  const rounds = series.rounds.map(({ stepMs }) => rounded(stepMs));
  const ours = { recompute, augmentOn };
  return { network, ...kindOf(series), ...ours, device, patch, batch, ...Object.fromEntries(values), rounds };
}
