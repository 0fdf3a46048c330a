import { median, rounded } from '../lib/statistics.ts';
import type { StepConfiguration } from './configuration.ts';
import { type MeasuredStep, runStep } from './run-step.ts';

/** One side of a comparison over its rounds. */
export interface Series {
  readonly configuration: StepConfiguration;
  readonly rounds: MeasuredStep[];
}

/** How the product stands to the anchor in one row: medians over the rounds of ratios taken within a round. */
export interface StepRatio {
  readonly ours: Series;
  readonly anchor: Series;
  readonly time: number;
  readonly memory: number;
}

/** How long the search for the anchor's best variant measures each. */
const SEARCH_MS = 2_000;

/** The anchor's variants of a row: precision by memory format. */
export function anchorVariants(row: StepConfiguration): StepConfiguration[] {
  return (['bfloat16', 'float32'] as const).flatMap((precision) =>
    [false, true].map((channelsLast) => ({ ...row, engine: 'pytorch' as const, precision, channelsLast })),
  );
}

/** The anchor's fastest variant of a row, by a short measurement of each. */
export async function fastestAnchor(row: StepConfiguration, python: string): Promise<StepConfiguration> {
  let best: { configuration: StepConfiguration; stepMs: number } | null = null;
  for (const variant of anchorVariants({ ...row, measureMs: Math.min(SEARCH_MS, row.measureMs), minSteps: 3 })) {
    const { stepMs } = await runStep(variant, python);
    if (best === null || stepMs < best.stepMs) best = { configuration: { ...row, ...kindOf(variant) }, stepMs };
  }
  if (best === null) throw new Error('the anchor has no variants');
  return best.configuration;
}

function kindOf({ engine, precision, channelsLast }: StepConfiguration) {
  return { engine, precision, channelsLast };
}

/** Runs all configurations in rounds, one after the other in each (A B C A B C ...), so that load hits all alike. */
export async function interleave(
  configurations: readonly StepConfiguration[],
  rounds: number,
  python: string | undefined,
): Promise<Series[]> {
  const series = configurations.map((configuration): Series => ({ configuration, rounds: [] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const each of series) each.rounds.push(await runStep(each.configuration, python));
  }
  return series;
}

/** The product's fastest series against the anchor's. */
export function ratioOf(series: readonly Series[]): StepRatio | null {
  const anchor = series.find(({ configuration }) => configuration.engine === 'pytorch');
  const ours = series
    .filter((each) => each !== anchor)
    .sort((a, b) => median(a.rounds.map(({ stepMs }) => stepMs)) - median(b.rounds.map(({ stepMs }) => stepMs)))[0];
  if (anchor === undefined || ours === undefined) return null;
  const ratio = (field: 'stepMs' | 'peakMb') =>
    rounded(median(ours.rounds.map((round, i) => round[field] / (anchor.rounds[i] as MeasuredStep)[field])));
  return { ours, anchor, time: ratio('stepMs'), memory: ratio('peakMb') };
}
