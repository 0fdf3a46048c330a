/*
 * Unfinished learning curves, continued: a few shapes are fitted in closed form and averaged by how well they explain what
 * was seen (in the spirit of Domhan et al. 2015 and of freeze-thaw, Swersky et al. 2014).
 */

/** What a curve is expected to be at the end of its training. */
export interface Forecast {
  readonly loss: number;
  readonly sd: number;
}

/** What is known of other trials: where losses end and how far apart. */
export interface CurvePrior {
  readonly mean: number;
  readonly sd: number;
}

/** A curve as [share of the training, loss], ascending. */
export type CurvePoints = readonly (readonly [number, number])[];

/** Scales of the exponential shapes, as shares of the training. */
const SCALES = [0.04, 0.06, 0.085, 0.12, 0.17, 0.24, 0.34, 0.48, 0.8];
/** How a curve falls over its training x = 0..1, from 1 at the start towards 0: exponentials, slow starts, power laws. */
const SHAPES: readonly ((x: number) => number)[] = [
  ...SCALES.map((scale) => (x: number) => Math.exp(-x / scale)),
  ...[0.15, 0.25, 0.4, 0.6].map((scale) => (x: number) => Math.exp(-((x / scale) ** 2))),
  ...[0.5, 1].map((power) => (x: number) => (1 + 20 * x) ** -power),
];
/** A curve wiggles by one of these shares of how far it still is from its end; and at the least of the finished losses' spread. */
const WIGGLES = [0.02, 0.06, 0.15];
const LEAST_WIGGLE = 0.05;
/** Neighbouring values wiggle together: so many of them say as much as one. */
const TOGETHER = 4;
/** The wiggle depends on the end that is fitted: so many rounds. */
const ROUNDS = 2;

/**
 * The shapes are not all that there are: the end is unsure by this share of the fall that is still expected, or of the one
 * seen lately, where that is larger.
 */
const MISFIT = 0.4;

interface Fitted {
  readonly end: number;
  readonly fall: number;
  readonly loss: number;
  readonly variance: number;
  readonly logEvidence: number;
}

interface Priors {
  readonly end: { readonly mean: number; readonly sd: number };
  readonly fallSd: number;
}

/** Bayesian linear regression of end + fall * shape(x), with normal priors on both. */
function fitShape(
  shape: (x: number) => number,
  points: CurvePoints,
  { end: endPrior, fallSd }: Priors,
  noises: readonly number[],
): Fitted {
  // Precision matrix of (end, fall) and its product with the mean, point by point.
  let [aa, ab, bb] = [1 / endPrior.sd ** 2, 0, 1 / fallSd ** 2];
  let [ra, rb] = [endPrior.mean / endPrior.sd ** 2, 0];
  let logEvidence = -Math.log(endPrior.sd) - Math.log(fallSd) - 0.5 * (endPrior.mean / endPrior.sd) ** 2;
  const add = (s: number, y: number, noise: number) => {
    const weight = 1 / noise ** 2;
    aa += weight;
    ab += weight * s;
    bb += weight * s * s;
    ra += weight * y;
    rb += weight * s * y;
    logEvidence -= 0.5 * weight * y * y + Math.log(noise);
  };
  points.forEach(([x, y], i) => add(shape(x), y, (noises[i] as number) * Math.sqrt(TOGETHER)));
  const determinant = aa * bb - ab * ab;
  const end = (bb * ra - ab * rb) / determinant;
  const fall = (aa * rb - ab * ra) / determinant;
  logEvidence += 0.5 * (end * ra + fall * rb) - 0.5 * Math.log(determinant);
  const last = shape(1);
  const variance = (bb - 2 * last * ab + last * last * aa) / determinant;
  return { end, fall, loss: end + fall * last, variance, logEvidence };
}

/** Every shape with every wiggle, and the weight of each by how well it explains the points. */
function fitAll(points: CurvePoints, prior: CurvePrior, breadth: number): { fits: Fitted[]; weights: number[] } {
  const losses = points.map(([, loss]) => loss);
  const fallen = Math.max(...losses) - Math.min(...losses);
  const least = LEAST_WIGGLE * prior.sd;
  const priors: Priors = {
    end: { mean: prior.mean, sd: breadth * prior.sd },
    fallSd: 2 * Math.max(fallen, Math.abs((losses[0] as number) - prior.mean), prior.sd),
  };
  const fits = SHAPES.flatMap((shape) =>
    WIGGLES.map((wiggle) => {
      const lowest = Math.min(prior.mean, ...losses);
      let noises = losses.map((loss) => Math.max(wiggle * (loss - lowest), least));
      let fit = fitShape(shape, points, priors, noises);
      for (let round = 1; round < ROUNDS; round++) {
        const { fall } = fit;
        noises = points.map(([x]) => Math.max(wiggle * Math.abs(fall) * shape(x), least));
        fit = fitShape(shape, points, priors, noises);
      }
      return fit;
    }),
  );
  const most = Math.max(...fits.map(({ logEvidence }) => logEvidence));
  const raw = fits.map(({ logEvidence }) => Math.exp(logEvidence - most));
  const sum = raw.reduce((a, b) => a + b, 0);
  return { fits, weights: raw.map((weight) => weight / sum) };
}

function averaged(fits: readonly Fitted[], weights: readonly number[], of: (fit: Fitted) => number): number {
  return fits.reduce((total, fit, i) => total + (weights[i] as number) * of(fit), 0);
}

/**
 * The loss at the end (x = 1) of a curve of [share of the training, loss], with its standard deviation. A curve without
 * points is what the prior says. Above 1, `breadth` lets a curve end further outside what others came to.
 */
export function forecast(points: CurvePoints, prior: CurvePrior, breadth = 1): Forecast {
  const last = points.at(-1);
  if (last === undefined) return { loss: prior.mean, sd: prior.sd };
  if (last[0] >= 1) return { loss: last[1], sd: 0 };
  const { fits, weights } = fitAll(points, prior, breadth);
  const loss = averaged(fits, weights, (fit) => fit.loss);
  const variance = averaged(fits, weights, (fit) => fit.variance + (fit.loss - loss) ** 2);
  const halfway = points.find(([x]) => x >= last[0] / 2) ?? last;
  const unseen = MISFIT * (1 - last[0]) * Math.max(Math.abs(last[1] - loss), halfway[1] - last[1]);
  return { loss, sd: Math.hypot(Math.sqrt(variance), unseen) };
}
