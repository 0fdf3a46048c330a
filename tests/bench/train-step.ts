import { parseArgs } from 'node:util';
import { networkOf } from '@voxhelm/algorithms/networks';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { chosen, countOf, patchOf } from './lib/arguments.ts';
import { benchDevice } from './lib/device.ts';
import { say } from './lib/json-lines.ts';
import { median, rounded } from './lib/statistics.ts';
import { fastestAnchor, interleave, ratioOf, type Series } from './step/compare.ts';
import {
  CLIP_NORM,
  ENGINES,
  oursOf,
  PRECISIONS,
  ROWS,
  SEGRESNET_16,
  type StepConfiguration,
} from './step/configuration.ts';
import type { MeasuredStep } from './step/run-step.ts';

/*
 * How long a training step takes and how much memory, each configuration in a process of its own:
 *
 *   npm run bench -- train-step [--network SegResNetDS] [--options JSON] [--patch 48x48x48] [--batch 1]
 *     [--recompute none,blocks] [--augment-on loader,device]
 *     [--engine eager,compiled] [--precision float32,bfloat16] [--anchor PYTHON] [--rounds 3] [--device cpu|cuda]
 *     [--recompute none|blocks] [--augment-on loader|device]
 *
 * A JSON line a configuration (medians over the rounds), with --anchor also the anchor's and the ratio to it. `peakMb` is
 * resident memory above the state in which libraries are loaded and a batch lies ready: weights, optimiser state and
 * programs count, on both sides. Issue 5 names the goals.
 */

const GOALS = { time: 0.8, memory: 0.6 };

/** See the head of this file. */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      network: { type: 'string' },
      options: { type: 'string' },
      patch: { type: 'string' },
      batch: { type: 'string' },
      engine: { type: 'string' },
      precision: { type: 'string' },
      anchor: { type: 'string' },
      rounds: { type: 'string' },
      recompute: { type: 'string', default: 'none' },
      'augment-on': { type: 'string', default: 'loader' },
      'measure-ms': { type: 'string', default: '5000' },
    },
  });
  const network = networkGiven(values.network, values.options);
  const engines = chosen('engine', values.engine, ENGINES);
  const precisions = chosen('precision', values.precision, PRECISIONS);
  const device = await benchDevice();
  const recompute = chosen('recompute', values.recompute, ['none', 'blocks'] as const);
  const augmentOn = chosen('augment-on', values['augment-on'], ['loader', 'device'] as const);
  const rounds = countOf('rounds', values.rounds ?? (values.anchor === undefined ? '1' : '3'));
  const measureMs = countOf('measure-ms', values['measure-ms']);
  for (const { patch, batch } of rowsGiven(values.patch, values.batch)) {
    const { inChannels, outChannels: classes } = networkOf(network);
    const row: StepConfiguration = {
      ...{ network, patch, batch, device, inChannels, classes, measureMs },
      ...{ engine: 'eager', precision: 'float32', channelsLast: true, clipNorm: CLIP_NORM, minSteps: 5 },
    };
    const configurations: StepConfiguration[] = oursOf(row, engines, precisions).flatMap((one) =>
      recompute.flatMap((how) => augmentOn.map((where) => ({ ...one, recompute: how, augmentOn: where }))),
    );
    if (values.anchor !== undefined) configurations.push(await fastestAnchor(row, values.anchor));
    const series = await interleave(configurations, rounds, values.anchor);
    for (const each of series) say({ name: 'train-step', ...lineOf(each) });
    const ratio = ratioOf(series);
    if (ratio !== null) {
      const sides = { ours: kindOf(ratio.ours), anchor: kindOf(ratio.anchor) };
      const { time, memory } = ratio;
      say({ name: 'train-step-ratio', network: network.class, patch, batch, time, memory, goals: GOALS, ...sides });
    }
  }
}

function networkGiven(name: string | undefined, options: string | undefined): StepConfiguration['network'] {
  if (options === undefined && name !== undefined && name !== SEGRESNET_16.class) {
    throw new VoxhelmError('invalid-request', `--network ${name} needs its --options`, {
      fix: `Give them as JSON under the reference's names, for example --options '${JSON.stringify(SEGRESNET_16.options)}'.`,
    });
  }
  const given = options === undefined ? {} : (JSON.parse(options) as Record<string, unknown>);
  const defaults = name === undefined || name === SEGRESNET_16.class ? SEGRESNET_16.options : {};
  return { class: name ?? SEGRESNET_16.class, options: { ...defaults, ...given } };
}

function rowsGiven(patch: string | undefined, batch: string | undefined): typeof ROWS {
  if (patch === undefined) return ROWS.filter((row) => batch === undefined || row.batch === Number(batch));
  const size = patchOf(patch);
  if (batch !== undefined) return [{ patch: size, batch: countOf('batch', batch) }];
  const same = ROWS.filter((row) => row.patch.join() === size.join());
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
