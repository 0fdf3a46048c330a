import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import { axes, type Triple } from '../axes.ts';

/** nnU-Net: an axis counts as anisotropic where it is more than three times coarser than the others. */
const ANISOTROPIC = 3;

/**
 * nnU-Net's target spacing: the median of each axis; for a clearly coarse axis with few slices the 10th percentile, so that
 * thin-slice cases are not thrown together with thick ones (automl.md 6.3).
 */
export function targetSpacing(summary: AnalysisSummary): { targetMm: Triple; rule: string } {
  const { spacing, shape } = summary.image_stats;
  const targetMm = axes(spacing, 'median');
  const coarse = targetMm.indexOf(Math.max(...targetMm)) as 0 | 1 | 2;
  const size = axes(shape, 'median');
  const others = [0, 1, 2].filter((axis) => axis !== coarse) as (0 | 1 | 2)[];
  const otherMm = Math.max(...others.map((axis) => targetMm[axis]));
  const few = size[coarse] * ANISOTROPIC < Math.min(...others.map((axis) => size[axis]));
  if (!(targetMm[coarse] > ANISOTROPIC * otherMm && few)) return { targetMm, rule: 'median spacing (nnU-Net)' };
  targetMm[coarse] = Math.max(axes(spacing, 'percentile_10_0')[coarse], otherMm + 1e-5);
  return { targetMm, rule: 'median spacing, of the coarse axis the 10th percentile (nnU-Net)' };
}
