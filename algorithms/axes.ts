import type { SampleStatistics } from '@voxhelm/contracts/analysis';
import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * Values per axis, which every plan reckons with.
 */

/** Numbers along x, y, z. */
export type Triple = [number, number, number];

/** A triple from a function of the axis. */
export function perAxis(value: (axis: 0 | 1 | 2) => number): Triple {
  return [value(0), value(1), value(2)];
}

/** A per-axis statistic as a triple. */
export function axes(
  statistics: SampleStatistics,
  key: 'median' | 'min' | 'max' | 'percentile_00_5' | 'percentile_10_0' | 'percentile_90_0' | 'percentile_99_5',
): Triple {
  const value = statistics[key];
  return perAxis((axis) => (Array.isArray(value) ? (value[axis] ?? Number.NaN) : value));
}

/** The number of voxels of a box. */
export function volume([x, y, z]: Readonly<Triple>): number {
  return x * y * z;
}

/** Refuses a patch that the network cannot halve, naming the nearest that it can. */
export function checkPatch(patchSize: Readonly<Triple>, divisor: Readonly<Triple>, field: string): void {
  if (patchSize.every((size, axis) => size % (divisor[axis] ?? 1) === 0)) return;
  const nearest = perAxis((axis) => divisor[axis] * Math.max(1, Math.round(patchSize[axis] / divisor[axis])));
  throw new VoxhelmError(
    'invalid-request',
    `patch size ${patchSize.join(' x ')} does not fit the network: its axes must be multiples of ${divisor.join(', ')}`,
    { fix: `Use ${nearest.join(' x ')}, the nearest that works.`, details: { field, nearest } },
  );
}
