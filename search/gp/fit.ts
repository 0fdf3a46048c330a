import { type KernelSpace, squaredDistance } from './kernel.ts';
import { cholesky, dot, dotOf, inverseFromCholesky, multiply } from './matrix.ts';
import { minimizeInBox } from './minimize.ts';

/*
 * Hyperparameters of a Gaussian process by their posterior's maximum: a lengthscale for each dimension and the noise;
 * the mean and the signal's variance are the best ones for these, in closed form.
 */

/** What a model learns from: rows of the kernel's space, values (standardised), and the variance that each has of its own. */
export interface Data {
  readonly rows: readonly Float64Array[];
  readonly values: Float64Array;
  /** In units of the values' variance. */
  readonly ownVariance: Float64Array;
}

/** Hyperparameters: 1 / lengthscale^2 for each dimension, noise variance over signal variance. */
export interface Hyper {
  readonly inverseSquares: Float64Array;
  readonly noise: number;
}

/**
 * Log-normal prior of a lengthscale, which grows with the number of dimensions as distances do (Hvarfner et al. 2024),
 * and of the noise, broad enough for a repeatable loss and for a noisy Dice.
 */
const LENGTH_MEDIAN = 0.35;
const LENGTH_POWER = 0.35;
const LENGTH_SD = 0.9;
const NOISE_MEAN = -9;
const NOISE_SD = 2.5;
const JITTER = 1e-8;
/** A prior trial's worth of unit variance keeps few trials from claiming that they know the scale. */
const VARIANCE_PRIOR = 1;
const EVALUATIONS = 40;
/** Gains of the log posterior below this change no proposal that matters. */
const TOLERANCE = 1e-3;
/** The second search is given up after so many evaluations where it is further than this behind the first. */
const GLIMPSE = 15;
const BEHIND = 1;
/** Noise from which the second search for hyperparameters starts. */
const NOISY_START = 0.05;

/** Everything that follows from hyperparameters and data in closed form. */
export interface Solution {
  readonly inverse: Float64Array;
  /** The inverse times (values - mean). */
  readonly alpha: Float64Array;
  /** The inverse times ones, and the sum of that. */
  readonly ones: Float64Array;
  readonly onesSum: number;
  readonly mean: number;
  readonly variance: number;
  readonly logDeterminant: number;
}

/** Squared distances of all pairs (i > j) along each dimension: all pairs of a dimension lie together. */
export function pairDistances(space: KernelSpace, rows: readonly Float64Array[]): Float64Array {
  const count = space.dimensions.length;
  const n = rows.length;
  const pairs = (n * (n - 1)) / 2;
  const result = new Float64Array(pairs * count);
  for (let k = 0; k < count; k++) {
    const nominal = space.nominal[k] as boolean;
    let at = k * pairs;
    for (let i = 1; i < n; i++) {
      const a = (rows[i] as Float64Array)[k] as number;
      for (let j = 0; j < i; j++) result[at++] = squaredDistance(nominal, a, (rows[j] as Float64Array)[k] as number);
    }
  }
  return result;
}

const SQRT_5 = Math.sqrt(5);

/** The scaled squared distances of all pairs. */
function scaledDistances(distances: Float64Array, { inverseSquares }: Hyper, pairs: number): Float64Array {
  const squared = new Float64Array(pairs);
  for (let k = 0; k < inverseSquares.length; k++) {
    const weight = inverseSquares[k] as number;
    const from = k * pairs;
    for (let pair = 0; pair < pairs; pair++) {
      squared[pair] = (squared[pair] as number) + weight * (distances[from + pair] as number);
    }
  }
  return squared;
}

/** Fills the covariance (lower half) and, pair by pair, minus its slope by the squared distance. */
function covariance(
  distances: Float64Array,
  hyper: Hyper,
  ownVariance: Float64Array,
  matrix: Float64Array,
  slopes: Float64Array | null,
): void {
  const n = ownVariance.length;
  const squared = scaledDistances(distances, hyper, (n * (n - 1)) / 2);
  let pair = 0;
  for (let i = 0; i < n; i++) {
    const row = i * n;
    for (let j = 0; j < i; j++, pair++) {
      const r = SQRT_5 * Math.sqrt(squared[pair] as number);
      const decay = Math.exp(-r);
      matrix[row + j] = (1 + r + (r * r) / 3) * decay;
      if (slopes !== null) slopes[pair] = (5 / 6) * (1 + r) * decay;
    }
    matrix[row + i] = 1 + hyper.noise + JITTER + (ownVariance[i] as number);
  }
}

/** Solves for hyperparameters; null where the covariance is not positive definite to machine precision. */
export function solve(
  distances: Float64Array,
  { values, ownVariance }: Pick<Data, 'values' | 'ownVariance'>,
  hyper: Hyper,
  slopes: Float64Array | null = null,
): Solution | null {
  const n = values.length;
  const matrix = new Float64Array(n * n);
  covariance(distances, hyper, ownVariance, matrix, slopes);
  const logDeterminant = cholesky(matrix, n);
  if (logDeterminant === null) return null;
  const inverse = inverseFromCholesky(matrix, n);
  const ones = new Float64Array(n);
  multiply(inverse, new Float64Array(n).fill(1), n, ones);
  const onesSum = ones.reduce((sum, value) => sum + value, 0);
  const mean = dot(ones, values) / onesSum;
  const centred = values.map((value) => value - mean);
  const alpha = new Float64Array(n);
  multiply(inverse, centred, n, alpha);
  const variance = (dot(alpha, centred) + VARIANCE_PRIOR) / (n + VARIANCE_PRIOR);
  return { inverse, alpha, ones, onesSum, mean, variance, logDeterminant };
}

/** Minus the log posterior of hyperparameters, up to a constant: the logs of the lengthscales, then of the noise. */
export function fit(space: KernelSpace, data: Data, distances: Float64Array): { hyper: Hyper; loss: number } {
  const count = space.dimensions.length;
  const n = data.values.length;
  const lengthMean = Math.log(LENGTH_MEDIAN) + LENGTH_POWER * Math.log(Math.max(1, count));
  const means = new Float64Array(count + 1).fill(lengthMean);
  means[count] = NOISE_MEAN;
  const slopes = new Float64Array((n * (n - 1)) / 2);

  const hyperOf = (theta: Float64Array): Hyper => ({
    inverseSquares: theta.subarray(0, count).map((log) => Math.exp(-2 * log)),
    noise: Math.exp(theta[count] as number),
  });

  function objective(theta: Float64Array, gradient: Float64Array): number {
    const hyper = hyperOf(theta);
    const solution = solve(distances, data, hyper, slopes);
    if (solution === null) return Number.POSITIVE_INFINITY;
    const { inverse, alpha, variance, logDeterminant } = solution;
    let pair = 0;
    let trace = 0;
    for (let i = 0; i < n; i++) {
      const scaled = (alpha[i] as number) / variance;
      for (let j = 0; j < i; j++, pair++) {
        // Twice for the two halves; the slope by log lengthscale is 2 w d^2 times minus the slope by the distance.
        const weight = (inverse[i * n + j] as number) - scaled * (alpha[j] as number);
        slopes[pair] = 2 * weight * (slopes[pair] as number);
      }
      trace += (inverse[i * n + i] as number) - scaled * (alpha[i] as number);
    }
    for (let k = 0; k < count; k++) {
      gradient[k] = (hyper.inverseSquares[k] as number) * dotOf(slopes, 0, distances, k * pair, pair);
    }
    gradient[count] = 0.5 * trace * hyper.noise;
    let value = 0.5 * (n + VARIANCE_PRIOR) * Math.log(variance) + 0.5 * logDeterminant;
    for (let k = 0; k <= count; k++) {
      const sd = k === count ? NOISE_SD : LENGTH_SD;
      const off = ((theta[k] as number) - (means[k] as number)) / sd;
      value += 0.5 * off * off;
      gradient[k] = (gradient[k] as number) + off / sd;
    }
    return value;
  }

  const low = new Float64Array(count + 1).fill(Math.log(0.01));
  const high = new Float64Array(count + 1).fill(Math.log(30));
  low[count] = Math.log(1e-8);
  high[count] = Math.log(2);
  // Two ways to see the same data: a smooth function known exactly, or a smoother one under noise (or fine ripples).
  const noisy = means.map((mean, k) => (k === count ? Math.log(NOISY_START) : mean + Math.LN2));
  const search = (start: Float64Array, evaluations: number) =>
    minimizeInBox(objective, start, low, high, evaluations, TOLERANCE);
  const exact = search(means, EVALUATIONS);
  const glimpsed = search(noisy, GLIMPSE);
  const other = glimpsed.value < exact.value + BEHIND ? search(glimpsed.x, EVALUATIONS - GLIMPSE) : glimpsed;
  const found = other.value < exact.value ? other : exact;
  return { hyper: hyperOf(found.x), loss: found.value };
}
