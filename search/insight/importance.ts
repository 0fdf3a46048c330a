import { type Codec, createCodec, type Dimension, priorCdf } from '../codec.ts';
import { streamByKeys } from '../random.ts';
import { compileSpace, type SearchSpace } from '../space.ts';

/*
 * PED-ANOVA (Watanabe, Bansal and Hutter 2023): a parameter matters as much as the density of the best trials over it
 * differs from the density of all trials (Pearson divergence of two kernel density estimates).
 */

/** A finished trial: its point and its loss. */
export interface ScoredPoint {
  readonly point: Readonly<Record<string, number | string | boolean>>;
  readonly loss: number;
}

/** A parameter's share of what decides, with a 90 % bootstrap interval, and how many trials have it. */
export interface Importance {
  readonly path: string;
  readonly importance: number;
  readonly low: number;
  readonly high: number;
  readonly trials: number;
}

/** Fewer trials say nothing. */
export const FEWEST_TRIALS = 8;
/** The best tenth (Optuna's target_quantile), but never fewer than this. */
const BEST_SHARE = 0.1;
const FEWEST_BEST = 3;
const GRID = 50;
const BOOTSTRAPS = 100;

/** Probabilities over a grid (or over options) from places in it, each smoothed, with one trial's worth of prior. */
function density(places: readonly number[], cells: number, nominal: boolean): number[] {
  const mass = Array<number>(cells).fill(1 / cells);
  const sd = nominal ? 0 : Math.max(0.5, 0.25 * cells * places.length ** -0.2);
  for (const place of places) {
    if (nominal) {
      mass[place] = (mass[place] ?? 0) + 1;
      continue;
    }
    const kernel = mass.map((_, cell) => Math.exp(-0.5 * ((cell - place) / sd) ** 2));
    const sum = kernel.reduce((a, b) => a + b, 0);
    kernel.forEach((value, cell) => {
      mass[cell] = (mass[cell] ?? 0) + value / sum;
    });
  }
  return mass.map((value) => value / (places.length + 1));
}

/** A trial's place along a dimension: the cell of its share of the prior, or its option. */
function placeOf(dimension: Dimension, coordinate: number, cells: number): number {
  if (dimension.kind === 'choice' || dimension.kind === 'ordered') return coordinate;
  const share = priorCdf(dimension, coordinate / Math.max(dimension.high, 1e-12));
  return Math.min(cells - 1, Math.max(0, Math.floor(share * cells)));
}

/** The divergence of a dimension over some trials (indices, repeats allowed); 0 where too few have it. */
function divergence(
  dimension: Dimension,
  index: number,
  vectors: readonly Float64Array[],
  losses: readonly number[],
  sample: readonly number[],
): number {
  const own = sample.filter((i) => !Number.isNaN(vectors[i]?.[index] ?? Number.NaN));
  if (own.length < FEWEST_TRIALS) return 0;
  const nominal = dimension.kind === 'choice';
  const cells = Math.min(GRID, dimension.levels);
  const places = (trials: readonly number[]) => trials.map((i) => placeOf(dimension, vectors[i]?.[index] ?? 0, cells));
  const sorted = [...own].sort((a, b) => (losses[a] ?? 0) - (losses[b] ?? 0));
  const best = sorted.slice(0, Math.max(FEWEST_BEST, Math.ceil(BEST_SHARE * own.length)));
  const all = density(places(own), cells, nominal);
  const top = density(places(best), cells, nominal);
  const pearson = all.reduce((sum, mass, cell) => sum + mass * ((top[cell] ?? 0) / mass - 1) ** 2, 0);
  // A parameter of one branch decides only where the branch was taken.
  return (pearson * own.length) / sample.length;
}

function shares(divergences: readonly number[]): number[] {
  const sum = divergences.reduce((a, b) => a + b, 0);
  return divergences.map((value) => (sum > 0 ? value / sum : 0));
}

function quantileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.round(share * (sorted.length - 1))] ?? 0;
}

/**
 * The importance of each parameter with more than one value, most important first; empty with fewer than 8 trials. The
 * intervals are drawn by `seed`.
 */
export function importances(space: SearchSpace, trials: readonly ScoredPoint[], seed: number): Importance[] {
  if (trials.length < FEWEST_TRIALS) return [];
  const codec: Codec = createCodec(compileSpace(space));
  const vectors = trials.map(({ point }) => codec.encode(point));
  const losses = trials.map(({ loss }) => loss);
  const dimensions = codec.dimensions.map((dimension, index) => ({ dimension, index }));
  const varying = dimensions.filter(({ dimension }) => dimension.levels > 1);
  const over = (sample: readonly number[]) =>
    shares(varying.map(({ dimension, index }) => divergence(dimension, index, vectors, losses, sample)));
  const whole = over(trials.map((_, i) => i));
  const random = streamByKeys(seed, 'importance');
  const redrawn = Array.from({ length: BOOTSTRAPS }, () =>
    over(Array.from({ length: trials.length }, () => Math.floor(random() * trials.length))),
  );
  return varying
    .map(({ dimension, index }, k) => {
      const importance = whole[k] ?? 0;
      const draws = redrawn.map((values) => values[k] ?? 0);
      return {
        path: dimension.parameter.path,
        importance,
        low: Math.min(importance, quantileOf(draws, 0.05)),
        high: Math.max(importance, quantileOf(draws, 0.95)),
        trials: vectors.filter((vector) => !Number.isNaN(vector[index] ?? Number.NaN)).length,
      };
    })
    .sort((a, b) => b.importance - a.importance);
}
