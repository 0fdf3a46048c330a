import { type Data, fit, type Hyper, pairDistances, type Solution, solve } from './fit.ts';
import { halfSlope, type KernelSpace, matern, maternSlope, squaredDistance } from './kernel.ts';
import { dot, multiply } from './matrix.ts';

/** A Gaussian process conditioned on data. */
export interface Model {
  readonly space: KernelSpace;
  readonly rows: readonly Float64Array[];
  readonly hyper: Hyper;
  readonly solution: Solution;
  /** The covariances of the last row that was predicted, and their product with the inverse: scratch. */
  readonly covariances: Float64Array;
  readonly weights: Float64Array;
}

/** Mean and standard deviation at a row. */
export interface Prediction {
  readonly mean: number;
  readonly sd: number;
}

const SMALLEST_VARIANCE = 1e-12;

/** Fits the hyperparameters and conditions on the data; null where no stable solution is found. */
export function train(space: KernelSpace, data: Data): { model: Model; loss: number } | null {
  const distances = pairDistances(space, data.rows);
  const { hyper, loss } = fit(space, data, distances);
  const solution = solve(distances, data, hyper);
  return solution === null ? null : { model: modelOf(space, data.rows, hyper, solution), loss };
}

/** The same hyperparameters on other data (trials that are pending, at what the model expects of them). */
export function recondition(model: Model, data: Data): Model {
  const { space, hyper } = model;
  for (let noise = hyper.noise; noise < 1; noise = Math.max(1e-7, noise * 10)) {
    const solution = solve(pairDistances(space, data.rows), data, { ...hyper, noise });
    if (solution !== null) return modelOf(space, data.rows, hyper, { ...solution, variance: model.solution.variance });
  }
  return model;
}

/** The same model with other lengthscales: less sure of itself away from its data where `factor` is below 1. */
export function rescale(model: Model, data: Data, factor: number): Model {
  const hyper = { ...model.hyper, inverseSquares: model.hyper.inverseSquares.map((value) => value / factor ** 2) };
  const solution = solve(pairDistances(model.space, data.rows), data, hyper);
  return solution === null ? model : modelOf(model.space, data.rows, hyper, solution);
}

function modelOf(space: KernelSpace, rows: readonly Float64Array[], hyper: Hyper, solution: Solution): Model {
  const n = rows.length;
  return { space, rows, hyper, solution, covariances: new Float64Array(n), weights: new Float64Array(n) };
}

function scaledDistance({ space, hyper: { inverseSquares } }: Model, a: Float64Array, b: Float64Array): number {
  const { nominal, plain, special } = space;
  let squared = 0;
  for (let i = 0; i < plain.length; i++) {
    const k = plain[i] as number;
    const apart = (a[k] as number) - (b[k] as number);
    squared += (inverseSquares[k] as number) * apart * apart;
  }
  for (let i = 0; i < special.length; i++) {
    const k = special[i] as number;
    const apart = squaredDistance(nominal[k] as boolean, a[k] as number, b[k] as number);
    squared += (inverseSquares[k] as number) * apart;
  }
  return squared;
}

/** The correlation of two rows. */
export function correlation(model: Model, a: Float64Array, b: Float64Array): number {
  return matern(scaledDistance(model, a, b));
}

/** The latent function's mean and standard deviation at a row, without noise. */
export function predict(model: Model, row: Float64Array): Prediction {
  const { rows, solution, covariances, weights } = model;
  for (let i = 0; i < rows.length; i++) covariances[i] = matern(scaledDistance(model, row, rows[i] as Float64Array));
  multiply(solution.inverse, covariances, rows.length, weights);
  const rest = 1 - dot(solution.ones, covariances);
  const relative = 1 - dot(covariances, weights) + (rest * rest) / solution.onesSum;
  return {
    mean: solution.mean + dot(covariances, solution.alpha),
    sd: Math.sqrt(Math.max(SMALLEST_VARIANCE, solution.variance * relative)),
  };
}

/** {@link predict}, with the derivatives of mean and sd by the row's positions in `moving` (others stay 0). */
export function predictWithSlopes(
  model: Model,
  row: Float64Array,
  moving: readonly number[],
  byMean: Float64Array,
  bySd: Float64Array,
): Prediction {
  const { rows, solution, covariances, weights, hyper } = model;
  const prediction = predict(model, row);
  const rest = (1 - dot(solution.ones, covariances)) / solution.onesSum;
  byMean.fill(0);
  bySd.fill(0);
  for (let i = 0; i < rows.length; i++) {
    const other = rows[i] as Float64Array;
    const slope = 2 * maternSlope(scaledDistance(model, row, other));
    const toMean = slope * (solution.alpha[i] as number);
    const toVariance = -2 * slope * ((weights[i] as number) + rest * (solution.ones[i] as number));
    for (const k of moving) {
      const move = (hyper.inverseSquares[k] as number) * halfSlope(row[k] as number, other[k] as number);
      byMean[k] = (byMean[k] as number) + toMean * move;
      bySd[k] = (bySd[k] as number) + toVariance * move;
    }
  }
  const factor = solution.variance / (2 * prediction.sd);
  for (const k of moving) bySd[k] = (bySd[k] as number) * factor;
  return prediction;
}
