import type { ParameterValue, Point } from '@voxhelm/contracts/trial';
import { normalCdf, normalQuantile } from './normal-distribution.ts';
import type { Domain, Parameter } from './space.ts';

/*
 * Points as vectors of numbers, which is what models compute with: a range runs over [0, 1] (in its logarithm where it is
 * log), a normal over its mean +- 4 standard deviations, a choice over the indices of its options; NaN: does not exist.
 */

/** A normal parameter's coordinate 0..1 spans this many standard deviations to each side. */
const NORMAL_SPAN = 4;
/** Up to so many grid points, a parameter is moved over its grid; above it is treated as continuous and rounded. */
const MOST_GRID_MOVES = 64;

/** One parameter as a coordinate. */
export interface Dimension {
  readonly parameter: Parameter;
  /** `choice`: options without an order; `ordered`: numeric options in order; `grid`, `continuous`: ranges and normals. */
  readonly kind: 'choice' | 'ordered' | 'grid' | 'continuous';
  /** Number of possible values; Infinity where continuous. */
  readonly levels: number;
  /** The choices that it depends on: [dimension, index of the option]. */
  readonly parents: readonly (readonly [number, number])[];
  /** Possible values have this distance in the coordinate (0: continuous or logarithmic). */
  readonly low: number;
  readonly high: number;
  /** The coordinate at which the prior's distribution function is `u`. */
  fromUniform(u: number): number;
  toValue(coordinate: number): ParameterValue;
  toCoordinate(value: ParameterValue): number;
}

/** A space's parameters as dimensions; constants (one possible value) are dimensions too, which samplers leave alone. */
export interface Codec {
  readonly dimensions: readonly Dimension[];
  /** Coordinates of a point, NaN where a parameter does not exist. */
  encode(point: Readonly<Point>): Float64Array;
  /** The point at coordinates that {@link Codec.settle} has settled. */
  decode(vector: Float64Array): Point;
  /** Rounds coordinates to possible values, in place; those that do not exist become NaN, missing ones come from `fill`. */
  settle(vector: Float64Array, fill: (dimension: number) => number): void;
}

/** The grid point at or next to `value`: multiples of `step` from `low`, kept inside the bounds, without 0.30000000000000004. */
export function snapToGrid(value: number, low: number, high: number, step: number): number {
  const last = Math.floor((high - low) / step + 1e-9);
  const index = Math.min(last, Math.max(0, Math.round((value - low) / step)));
  return Math.min(high, Math.max(low, Number((low + index * step).toPrecision(12))));
}

type Scale = Pick<Dimension, 'kind' | 'levels' | 'low' | 'high' | 'fromUniform' | 'toValue' | 'toCoordinate'>;

function choiceScale(options: readonly ParameterValue[]): Scale {
  const count = options.length;
  const numbers = options.every((option) => typeof option === 'number');
  const ordered = numbers && count > 2 && options.every((option, i) => i === 0 || option > (options[i - 1] as number));
  return {
    kind: ordered ? 'ordered' : 'choice',
    levels: count,
    low: 0,
    high: count - 1,
    fromUniform: (u) => Math.min(count - 1, Math.floor(u * count)),
    toValue: (coordinate) => options[Math.round(coordinate)] as ParameterValue,
    toCoordinate: (value) => options.indexOf(value),
  };
}

function rangeScale({ low, high, log, step }: Extract<Domain, { kind: 'range' }>): Scale {
  const start = log ? Math.log(low) : low;
  const width = (log ? Math.log(high) : high) - start;
  const levels = step === null ? Number.POSITIVE_INFINITY : Math.floor((high - low) / step + 1e-9) + 1;
  // A randint(1) or a step wider than the range leaves one value.
  const scale = width === 0 ? 1 : width;
  const natural = (coordinate: number) => (log ? Math.exp(start + coordinate * width) : low + coordinate * width);
  const toValue = (coordinate: number) => {
    const value = Math.min(high, Math.max(low, natural(coordinate)));
    return step === null ? value : snapToGrid(value, low, high, step);
  };
  const toCoordinate = (value: ParameterValue) => ((log ? Math.log(Number(value)) : Number(value)) - start) / scale;
  return {
    kind: step === null ? 'continuous' : 'grid',
    levels,
    low: 0,
    high: step === null ? 1 : toCoordinate(low + (levels - 1) * step),
    // Each grid point is equally likely; rounding a uniform draw would halve the two at the ends.
    fromUniform: (u) =>
      step === null || log ? u : toCoordinate(snapToGrid(low + Math.floor(u * levels) * step, low, high, step)),
    toValue,
    toCoordinate,
  };
}

function normalScale({ mean, standardDeviation, log, step }: Extract<Domain, { kind: 'normal' }>): Scale {
  const toValue = (coordinate: number) => {
    const value = mean + standardDeviation * (coordinate * 2 - 1) * NORMAL_SPAN;
    const natural = log ? Math.exp(value) : value;
    return step === null ? natural : Number((Math.round(natural / step) * step).toPrecision(12)) + 0;
  };
  return {
    kind: step === null ? 'continuous' : 'grid',
    levels: Number.POSITIVE_INFINITY,
    low: 0,
    high: 1,
    fromUniform: (u) => Math.min(1, Math.max(0, (normalQuantile(u) / NORMAL_SPAN + 1) / 2)),
    toValue,
    toCoordinate: (value) => {
      // qlognormal may round to 0, which has no logarithm: its cell reaches up to half a step.
      const number = log ? Math.log(Math.max(Number(value), (step ?? 0) / 4, Number.MIN_VALUE)) : Number(value);
      return Math.min(1, Math.max(0, ((number - mean) / standardDeviation / NORMAL_SPAN + 1) / 2));
    },
  };
}

function scaleOf(domain: Domain): Scale {
  if (domain.kind === 'choice') return choiceScale(domain.options);
  return domain.kind === 'range' ? rangeScale(domain) : normalScale(domain);
}

/** The share of the prior below a coordinate of a normal dimension or range: the inverse of `fromUniform`. */
export function priorCdf(dimension: Dimension, coordinate: number): number {
  if (dimension.parameter.domain.kind === 'normal') return normalCdf((coordinate * 2 - 1) * NORMAL_SPAN);
  return coordinate;
}

/** True where a dimension's values are to be tried one after the other instead of by slope. */
export function movesOnGrid(dimension: Dimension): boolean {
  return dimension.kind !== 'continuous' && dimension.levels <= MOST_GRID_MOVES;
}

/** The codec of a compiled space. */
export function createCodec(parameters: readonly Parameter[]): Codec {
  const indexOf = new Map(parameters.map(({ path }, index) => [path, index]));
  const dimensions: Dimension[] = parameters.map((parameter) => ({
    parameter,
    ...scaleOf(parameter.domain),
    parents: parameter.when.map(({ path, value }) => {
      const parent = indexOf.get(path) as number;
      const { domain } = parameters[parent] as Parameter;
      return [parent, domain.kind === 'choice' ? domain.options.indexOf(value) : -1] as const;
    }),
  }));
  const exists = (vector: Float64Array, { parents }: Dimension) =>
    parents.every(([parent, option]) => vector[parent] === option);
  return {
    dimensions,
    encode: (point) =>
      Float64Array.from(dimensions, ({ parameter, toCoordinate }) => {
        const value = point[parameter.path];
        return value === undefined ? Number.NaN : toCoordinate(value);
      }),
    decode: (vector) => {
      const point: Point = {};
      dimensions.forEach(({ parameter, toValue }, index) => {
        const coordinate = vector[index] as number;
        if (!Number.isNaN(coordinate)) point[parameter.path] = toValue(coordinate);
      });
      return point;
    },
    settle: (vector, fill) => {
      dimensions.forEach((dimension, index) => {
        if (!exists(vector, dimension)) {
          vector[index] = Number.NaN;
          return;
        }
        const given = vector[index] as number;
        const wanted = Number.isNaN(given) ? fill(index) : given;
        const inside = Math.min(dimension.high, Math.max(dimension.low, wanted));
        vector[index] = dimension.kind === 'continuous' ? inside : dimension.toCoordinate(dimension.toValue(inside));
      });
    },
  };
}
