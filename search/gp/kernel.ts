import type { Codec } from '../codec.ts';

/*
 * Distances between points of a conditional space, and the Matern kernel over them. A row holds the coordinates of the
 * dimensions that vary, scaled to [0, 1]; NaN: does not exist there.
 */

/** The dimensions that a model looks at. */
export interface KernelSpace {
  /** For each row position: the codec's dimension. */
  readonly dimensions: readonly number[];
  /** True where values have no order. */
  readonly nominal: readonly boolean[];
  /** What a codec's coordinate is multiplied by. */
  readonly scale: Float64Array;
  /** Row positions of ordered parameters that always exist, whose distance is a plain difference; and the others. */
  readonly plain: readonly number[];
  readonly special: readonly number[];
}

/** Squared distance of two different options without an order. */
const NOMINAL_MISMATCH = 0.5;
/**
 * A parameter that exists at one of two points only: the missing value lies off the middle of the axis, at this squared
 * distance. A place in Euclidean space, so that the kernel stays positive definite.
 */
const MISSING_OFFSET = 0.15;

/** The kernel's view of a codec: every dimension with more than one value. */
export function kernelSpace({ dimensions }: Codec): KernelSpace {
  const used = dimensions.map((_, index) => index).filter((index) => (dimensions[index]?.levels ?? 1) > 1);
  const isPlain = (index: number) => dimensions[index]?.kind !== 'choice' && dimensions[index]?.parents.length === 0;
  const positions = used.map((_, k) => k);
  return {
    dimensions: used,
    nominal: used.map((index) => dimensions[index]?.kind === 'choice'),
    plain: positions.filter((k) => isPlain(used[k] as number)),
    special: positions.filter((k) => !isPlain(used[k] as number)),
    scale: Float64Array.from(used, (index) => {
      const { kind, levels } = dimensions[index] as Codec['dimensions'][number];
      return kind === 'ordered' ? 1 / (levels - 1) : 1;
    }),
  };
}

/** A codec's vector as a row. */
export function rowOf({ dimensions, scale }: KernelSpace, vector: Float64Array): Float64Array {
  return Float64Array.from(dimensions, (index, k) => (vector[index] as number) * (scale[k] as number));
}

/** Squared distance along one dimension. */
export function squaredDistance(nominal: boolean, a: number, b: number): number {
  const missingA = Number.isNaN(a);
  const missingB = Number.isNaN(b);
  if (missingA || missingB) {
    if (missingA && missingB) return 0;
    if (nominal) return NOMINAL_MISMATCH;
    const there = (missingA ? b : a) - 0.5;
    return there * there + MISSING_OFFSET;
  }
  if (nominal) return a === b ? 0 : NOMINAL_MISMATCH;
  return (a - b) * (a - b);
}

/** Half the derivative of {@link squaredDistance} by `a`, where `a` is no option. */
export function halfSlope(a: number, b: number): number {
  return Number.isNaN(b) ? a - 0.5 : a - b;
}

const SQRT_5 = Math.sqrt(5);

/** Matern 5/2 by the squared scaled distance. */
export function matern(squared: number): number {
  const r = SQRT_5 * Math.sqrt(squared);
  return (1 + r + (r * r) / 3) * Math.exp(-r);
}

/** Its derivative by the squared scaled distance. */
export function maternSlope(squared: number): number {
  const r = SQRT_5 * Math.sqrt(squared);
  return (-5 / 6) * (1 + r) * Math.exp(-r);
}
