/*
 * Unfinished learning curves, continued: a few shapes are fitted in closed form and averaged by how well they explain what
 * was seen (in the spirit of Domhan et al. 2015 and of freeze-thaw, Swersky et al. 2014).
 */

/** What a curve is expected to be at the end of its training. */
export interface Forecast {
  readonly loss: number;
  readonly sd: number;
}

/** What is known of finished trials: where losses end, how far apart, how high they begin. */
export interface CurvePrior {
  readonly mean: number;
  readonly sd: number;
}

/** How a curve falls over its training x = 0..1, from 1 at the start towards 0. */
const SHAPES: readonly ((x: number) => number)[] = [
  ...[0.05, 0.1, 0.2, 0.4, 0.8].map((scale) => (x: number) => Math.exp(-x / scale)),
  ...[0.5, 1].map((power) => (x: number) => (1 + 20 * x) ** -power),
];
/** A curve wiggles by one of these shares of how far it still is from its end; and at the least of the finished losses' spread. */
const WIGGLES = [0.01, 0.04, 0.1];
const LEAST_WIGGLE = 0.05;

interface Fitted {
  readonly loss: number;
  readonly variance: number;
  readonly logEvidence: number;
}

/** Bayesian linear regression of end + fall * shape(x), with normal priors on both. */
function fitShape(
  shape: (x: number) => number,
  points: readonly (readonly [number, number])[],
  prior: CurvePrior,
  fallSd: number,
  noises: readonly number[],
): Fitted {
  // Precision matrix of (end, fall) and its product with the mean, point by point.
  let [aa, ab, bb] = [1 / prior.sd ** 2, 0, 1 / fallSd ** 2];
  let [ra, rb] = [prior.mean / prior.sd ** 2, 0];
  let logEvidence = -Math.log(prior.sd) - Math.log(fallSd) - 0.5 * (prior.mean / prior.sd) ** 2;
  points.forEach(([x, y], i) => {
    const s = shape(x);
    const noise = noises[i] as number;
    const weight = 1 / noise ** 2;
    aa += weight;
    ab += weight * s;
    bb += weight * s * s;
    ra += weight * y;
    rb += weight * s * y;
    logEvidence -= 0.5 * weight * y * y + Math.log(noise);
  });
  const determinant = aa * bb - ab * ab;
  const end = (bb * ra - ab * rb) / determinant;
  const fall = (aa * rb - ab * ra) / determinant;
  logEvidence += 0.5 * (end * ra + fall * rb) - 0.5 * Math.log(determinant);
  const last = shape(1);
  const variance = (bb - 2 * last * ab + last * last * aa) / determinant;
  return { loss: end + fall * last, variance, logEvidence };
}

/**
 * The loss at the end (x = 1) of a curve of [share of the training, loss], with its standard deviation. A curve without
 * points is what the prior says. Above 1, `breadth` lets a curve end further outside what others came to.
 */
export function forecast(points: readonly (readonly [number, number])[], prior: CurvePrior, breadth = 1): Forecast {
  const last = points.at(-1);
  if (last === undefined) return { loss: prior.mean, sd: prior.sd };
  if (last[0] >= 1) return { loss: last[1], sd: 0 };
  const losses = points.map(([, loss]) => loss);
  const fallen = Math.max(...losses) - Math.min(...losses);
  const fallSd = 2 * Math.max(fallen, Math.abs((losses[0] as number) - prior.mean), prior.sd);
  const end = Math.min(prior.mean, ...losses);
  const broad = { mean: prior.mean, sd: breadth * prior.sd };
  const fits = WIGGLES.flatMap((wiggle) => {
    const noises = losses.map((loss) => Math.max(wiggle * (loss - end), LEAST_WIGGLE * prior.sd));
    return SHAPES.map((shape) => fitShape(shape, points, broad, fallSd, noises));
  });
  const most = Math.max(...fits.map(({ logEvidence }) => logEvidence));
  const weights = fits.map(({ logEvidence }) => Math.exp(logEvidence - most));
  const sum = weights.reduce((a, b) => a + b, 0);
  const loss = fits.reduce((total, fit, i) => total + ((weights[i] as number) / sum) * fit.loss, 0);
  const variance = fits.reduce(
    (total, fit, i) => total + ((weights[i] as number) / sum) * (fit.variance + (fit.loss - loss) ** 2),
    0,
  );
  return { loss, sd: Math.sqrt(variance) };
}
