import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { axes, perAxis, type Triple, volume } from './axes.ts';

/*
 * What a spacing makes of the images.
 */

/** Along fewer voxels than these nothing has a shape: a spacing that leaves them is a slip (50 for 5.0). */
const LEAST_VOXELS = 4;

/** Voxels of one case beyond which no array holds its probabilities: 2^31. */
const MOST_VOXELS = 2 ** 31;

/** Median image in voxels of a spacing. */
export function medianVoxels(summary: AnalysisSummary, spacingMm: Triple): Triple {
  const sizeMm = axes(summary.image_stats.sizemm, 'median');
  return perAxis((axis) => Math.max(1, Math.round(sizeMm[axis] / spacingMm[axis])));
}

/**
 * The spacing (mm) that a request gives, where the dataset's median image has a shape and fits into an array at it. Throws
 * `invalid-request` at `plan.spacingMm` otherwise; an axis that is as short already is no fault of the spacing.
 */
export function checkedSpacing(summary: AnalysisSummary, spacingMm: Triple): Triple {
  const { sizemm, spacing } = summary.image_stats;
  const sizeMm = axes(sizemm, 'median');
  const own = axes(spacing, 'median');
  const voxels = medianVoxels(summary, spacingMm);
  const lost = ([0, 1, 2] as const).some(
    (axis) => voxels[axis] < LEAST_VOXELS && sizeMm[axis] / own[axis] >= LEAST_VOXELS,
  );
  if (!lost && volume(voxels) < MOST_VOXELS) return spacingMm;
  throw new VoxhelmError(
    'invalid-request',
    `plan.spacingMm ${spacingMm.join(' x ')} makes the median image one of ${voxels.join(' x ')} voxels`,
    {
      fix: `Give mm a voxel, as the images have: ${own.map((mm) => Number(mm.toPrecision(4))).join(' x ')}.`,
      details: { field: 'plan.spacingMm' },
    },
  );
}
