import type { ParameterValue, Point } from '@voxhelm/contracts/trial';
import type { Codec } from '../codec.ts';
import { HALF_LOG_2PI, logNormalMass, normalCdf, normalQuantile } from '../normal-distribution.ts';
import type { RandomStream } from '../random.ts';
import type { Domain, Parameter } from '../space.ts';

/*
 * The Parzen estimators of TPE (Bergstra et al. 2011) by the rules of Optuna 5's TPESampler: one kernel for each trial and
 * one wide prior kernel, a product over the parameters of a group, mixed by the trials' weights.
 */

const PRIOR_WEIGHT = 1;
/** Trials that keep full weight; older ones fade linearly (hyperopt's linear forgetting). */
const REMEMBERED = 25;
/** A normal parameter is estimated within this many standard deviations; Optuna has no such parameter. */
const NORMAL_SPAN = 4;

/** A parameter's kernels, one for each component of the mixture. */
type Kernels =
  | { readonly kind: 'choice'; readonly options: readonly ParameterValue[]; readonly weights: readonly number[][] }
  | {
      readonly kind: 'number';
      readonly domain: Domain;
      readonly bounds: Bounds;
      readonly means: readonly number[];
      readonly sds: readonly number[];
      /** Of each kernel: the log of its mass inside the bounds. */
      readonly logMasses: readonly number[];
    };

/** The interval of a numeric parameter in the space of its kernels (its logarithm where it is log). */
interface Bounds {
  readonly low: number;
  readonly high: number;
  readonly log: boolean;
  readonly step: number | null;
}

/** A mixture of products of kernels over the parameters of a group. */
export interface Parzen {
  readonly parameters: readonly Parameter[];
  readonly weights: readonly number[];
  readonly kernels: readonly Kernels[];
}

function boundsOf(domain: Exclude<Domain, { kind: 'choice' }>): Bounds {
  const { log, step } = domain;
  if (domain.kind === 'normal') {
    const span = NORMAL_SPAN * domain.standardDeviation;
    return { low: domain.mean - span, high: domain.mean + span, log, step: null };
  }
  const half = step === null ? 0 : step / 2;
  // The grid's own last value: the range may end between two.
  const last = step === null ? domain.high : domain.low + Math.floor((domain.high - domain.low) / step + 1e-9) * step;
  const low = domain.low - half;
  const high = last + half;
  if (!log) return { low, high, log, step };
  return { low: Math.log(Math.max(low, domain.low / 2)), high: Math.log(high), log, step };
}

function trialWeights(count: number): number[] {
  if (count < REMEMBERED) return Array<number>(count).fill(1);
  const old = count - REMEMBERED;
  const ramp = Array.from({ length: old }, (_, i) =>
    old === 1 ? 1 / count : 1 / count + (i * (1 - 1 / count)) / (old - 1),
  );
  return [...ramp, ...Array<number>(REMEMBERED).fill(1)];
}

function standardDeviations(means: readonly number[], { low, high }: Bounds): number[] {
  const order = means.map((_, i) => i).sort((a, b) => (means[a] as number) - (means[b] as number));
  const sorted = [low, ...order.map((i) => means[i] as number), high];
  const n = means.length;
  const sds = Array<number>(n).fill(0);
  order.forEach((trial, i) => {
    const left = (sorted[i + 1] as number) - (sorted[i] as number);
    const right = (sorted[i + 2] as number) - (sorted[i + 1] as number);
    // The outermost kernels look at their neighbours alone, not at the bounds.
    if (n >= 2 && i === 0) sds[trial] = right;
    else if (n >= 2 && i === n - 1) sds[trial] = left;
    else sds[trial] = Math.max(left, right);
  });
  const least = (high - low) / Math.min(100, n + 2);
  return sds.map((sd) => Math.min(high - low, Math.max(least, sd)));
}

function kernelsOf({ path, domain }: Parameter, points: readonly Readonly<Point>[]): Kernels {
  if (domain.kind === 'choice') {
    const base = PRIOR_WEIGHT / (points.length + 1);
    const rows = [...points.map((point) => point[path]), undefined].map((value) => {
      const raw = domain.options.map((option) => (option === value ? 1 : 0) + base);
      const sum = raw.reduce((a, b) => a + b, 0);
      return raw.map((weight) => weight / sum);
    });
    return { kind: 'choice', options: domain.options, weights: rows };
  }
  const bounds = boundsOf(domain);
  const { low, high } = bounds;
  const observed = points.map((point) => kernelSpaceValue(domain, bounds, Number(point[path])));
  const means = [...observed, 0.5 * (low + high)];
  const sds = [...standardDeviations(observed, bounds), high - low];
  const logMasses = means.map((mean, i) =>
    logNormalMass((low - mean) / (sds[i] as number), (high - mean) / (sds[i] as number)),
  );
  return { kind: 'number', domain, bounds, means, sds, logMasses };
}

function kernelSpaceValue(domain: Domain, { log, low, high }: Bounds, value: number): number {
  if (domain.kind === 'range') return log ? Math.log(value) : value;
  const inside = log ? Math.log(Math.max(value, Number.MIN_VALUE)) : value;
  return Math.min(high, Math.max(low, inside));
}

/** The estimator of a group of parameters from trials that all have them, oldest first. */
export function parzen(parameters: readonly Parameter[], points: readonly Readonly<Point>[]): Parzen {
  const raw = points.length === 0 ? [1] : [...trialWeights(points.length), PRIOR_WEIGHT];
  const sum = raw.reduce((a, b) => a + b, 0);
  return {
    parameters,
    weights: raw.map((weight) => weight / sum),
    kernels: parameters.map((parameter) => kernelsOf(parameter, points)),
  };
}

function logKernel(kernels: Kernels, component: number, value: ParameterValue): number {
  if (kernels.kind === 'choice') {
    const option = kernels.options.indexOf(value);
    return Math.log(kernels.weights[component]?.[option] ?? 0);
  }
  const { bounds, domain, means, sds, logMasses } = kernels;
  const mean = means[component] as number;
  const sd = sds[component] as number;
  const { step, log } = bounds;
  if (step !== null) {
    // A grid value has the mass of its cell.
    const edge = (side: number) => {
      const at = Number(value) + (side * step) / 2;
      return Math.min(bounds.high, Math.max(bounds.low, log ? Math.log(Math.max(at, Number.MIN_VALUE)) : at));
    };
    return logNormalMass((edge(-1) - mean) / sd, (edge(1) - mean) / sd) - (logMasses[component] as number);
  }
  const at = kernelSpaceValue(domain, bounds, Number(value));
  const z = (at - mean) / sd;
  return -0.5 * z * z - HALF_LOG_2PI - Math.log(sd) - (logMasses[component] as number);
}

/** The log density (mass where discrete) of a group's values; a log parameter's density is that of its logarithm. */
export function logDensity({ parameters, weights, kernels }: Parzen, point: Readonly<Point>): number {
  const logs = weights.map((weight, component) =>
    parameters.reduce(
      (sum, { path }, k) => sum + logKernel(kernels[k] as Kernels, component, point[path] as ParameterValue),
      Math.log(weight),
    ),
  );
  const most = Math.max(...logs);
  if (!Number.isFinite(most)) return Number.NEGATIVE_INFINITY;
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
}

function pick(weights: readonly number[], u: number): number {
  let left = u;
  for (let i = 0; i < weights.length; i++) {
    left -= weights[i] as number;
    if (left < 0) return i;
  }
  return weights.length - 1;
}

/** Draws a group's values: one component of the mixture for all of them. */
export function drawFrom({ parameters, weights, kernels }: Parzen, codec: Codec, random: RandomStream): Point {
  const component = pick(weights, random());
  const point: Point = {};
  parameters.forEach(({ path }, k) => {
    const own = kernels[k] as Kernels;
    if (own.kind === 'choice') {
      point[path] = own.options[pick(own.weights[component] as number[], random())] as ParameterValue;
      return;
    }
    const { bounds, means, sds } = own;
    const mean = means[component] as number;
    const sd = sds[component] as number;
    const from = normalCdf((bounds.low - mean) / sd);
    const to = normalCdf((bounds.high - mean) / sd);
    const drawn = mean + sd * normalQuantile(from + random() * (to - from));
    const inside = Math.min(bounds.high, Math.max(bounds.low, Number.isFinite(drawn) ? drawn : mean));
    const dimension = codec.dimensions.find(({ parameter }) => parameter.path === path);
    const natural = bounds.log ? Math.exp(inside) : inside;
    point[path] = dimension?.toValue(dimension.toCoordinate(natural)) ?? natural;
  });
  return point;
}
