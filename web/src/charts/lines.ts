import type { Curve } from '../api/metric-store.ts';

/** A curve in a chart. */
export interface Line {
  readonly id: string;
  readonly label: string;
  readonly steps: readonly number[];
  readonly values: readonly number[];
  readonly color: string;
  /** Drawn thin and grey behind the others, once: does not change any more. */
  readonly background: boolean;
}

/** Ten colours that differ in lightness too, readable on white and on near black. */
const PALETTE = [
  '#2f7ed8',
  '#d9822b',
  '#2a9d5c',
  '#c44e9a',
  '#8a6fdf',
  '#b8524a',
  '#1f9aa8',
  '#9a8a1f',
  '#6b7c93',
  '#d1495b',
];

/** The colour of the number-th line. */
export function colorOf(number: number): string {
  return PALETTE[number % PALETTE.length] ?? '#2f7ed8';
}

/**
 * An exponential moving average without the pull towards its start (as TensorBoard's): weight 0 changes nothing, towards 1
 * smooths more.
 */
export function smooth(values: readonly number[], weight: number): readonly number[] {
  if (weight === 0) return values;
  let last = 0;
  return values.map((value, index) => {
    last = last * weight + (1 - weight) * value;
    return last / (1 - weight ** (index + 1));
  });
}

/** The smallest and largest value and step of all lines; null where there is no point. `positive` leaves out what a log axis cannot show. */
export function extentOf(
  lines: readonly Pick<Line, 'steps' | 'values'>[],
  positive: boolean,
  [from, to]: readonly [number, number] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
): { lastStep: number; low: number; high: number } | null {
  let [low, high, lastStep] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const { steps, values } of lines) {
    for (let index = 0; index < values.length; index += 1) {
      const step = steps[index] as number;
      const value = values[index] as number;
      if (step > lastStep) lastStep = step;
      if (step < from || step > to || (positive && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  return low > high ? null : { lastStep, low, high };
}

/** One sentence on a chart, for whoever cannot see it. */
export function describeLines(title: string, lines: readonly Line[]): string {
  const ends = lines.filter(({ values }) => values.length > 0);
  if (ends.length === 0) return `${title}: no points yet.`;
  const extent = extentOf(ends, false);
  const last = [...ends].sort((a, b) => (b.values.at(-1) ?? 0) - (a.values.at(-1) ?? 0));
  const [top, bottom] = [last[0], last.at(-1)];
  const number = (value: number | undefined): string =>
    value === undefined ? '–' : String(Number(value.toPrecision(3)));
  const many =
    ends.length === 1
      ? `${top?.label} ends at ${number(top?.values.at(-1))}`
      : `highest at the end is ${top?.label} with ${number(top?.values.at(-1))}, lowest ${bottom?.label} with ${number(bottom?.values.at(-1))}`;
  return `${title} over ${extent?.lastStep ?? 0} steps, between ${number(extent?.low)} and ${number(extent?.high)}; ${many}.`;
}

/**
 * The lines' values step by step: a row for each step at which any of them has a point, null where one has none. Of more than
 * `most` steps every so many-th, the last one among them. `steps`: how many there are.
 */
export function tableOfLines(
  lines: readonly Pick<Line, 'steps' | 'values'>[],
  most: number,
): { readonly rows: readonly { step: number; values: (number | null)[] }[]; readonly steps: number } {
  const steps = [...new Set(lines.flatMap((line) => [...line.steps]))].sort((a, b) => a - b);
  const every = Math.ceil(steps.length / most);
  const chosen = steps.filter((_, index) => (steps.length - 1 - index) % every === 0);
  const known = lines.map((line) => new Map(line.steps.map((step, index) => [step, line.values[index] ?? null])));
  const rows = chosen.map((step) => ({ step, values: known.map((values) => values.get(step) ?? null) }));
  return { rows, steps: steps.length };
}

/** A store's curve as a line. */
export function lineOf(curve: Curve, look: Omit<Line, 'steps' | 'values' | 'id'>, weight: number): Line {
  return { id: curve.trialId, ...look, steps: curve.steps, values: smooth(curve.values, weight) };
}
