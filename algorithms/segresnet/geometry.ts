import type { AnalysisSummary } from '@voxhelm/contracts/analysis';
import { axes, perAxis, type Triple, volume } from '../axes.ts';
import { GIVEN, type Reasoned } from '../plan-overrides.ts';
import { checkedSpacing } from '../spacing.ts';

/*
 * Auto3DSeg's rules for spacing, patch and levels of SegResNet (../shared/reference/automl.md 1.6), its traps mended:
 * the coarsest axis need not be z, and the patch fits the device instead of a fixed 16 GB.
 */

function shown(values: readonly number[]): string {
  return values.map((value) => Number(value.toPrecision(4))).join(' x ');
}

/** The spacing (mm) that cases have after preprocessing, whether they are resampled to it, and whether it is anisotropic. */
export interface SpacingPlan {
  /** What plan.preprocessing.spacingMm becomes: null where no case needs resampling. */
  readonly spacingMm: Reasoned<Triple | null>;
  /** The target, or where nothing is resampled the median: what patch and network are planned for. */
  readonly workingMm: Triple;
  readonly anisotropic: boolean;
}

// Auto3DSeg: isotropic where the in-plane mean over the slice distance lies within these.
const ISOTROPIC_LOW = 0.75;
const ISOTROPIC_HIGH = 1.25;
// Auto3DSeg: resample where any axis's 0.5th percentile is below half the target or the 99.5th above 1.5 times.
const FINEST_RATIO = 0.5;
const COARSEST_RATIO = 1.5;

/** The slice axis: z as in Auto3DSeg, unless another axis is clearly the coarsest (sagittal or coronal scans). */
export function sliceAxis(medianMm: Triple): 0 | 1 | 2 {
  const coarsest = medianMm.indexOf(Math.max(...medianMm)) as 0 | 1 | 2;
  const others = medianMm.filter((_, axis) => axis !== coarsest).reduce((sum, value) => sum + value / 2, 0);
  return (medianMm[coarsest] ?? 0) > ISOTROPIC_HIGH * others ? coarsest : 2;
}

/** Decides spacing and resampling from the summary; `override` is the user's target spacing. */
export function planSpacing(summary: AnalysisSummary, override: Triple | undefined): SpacingPlan {
  const spacing = summary.image_stats.spacing;
  const medianMm = axes(spacing, 'median');
  const slice = sliceAxis(medianMm);
  const inPlaneMm = medianMm.filter((_, axis) => axis !== slice).reduce((sum, value) => sum + value / 2, 0);
  const sliceMm = Math.max(inPlaneMm, axes(spacing, 'percentile_10_0')[slice]);
  const targetMm: Triple =
    override === undefined
      ? perAxis((axis) => (axis === slice ? sliceMm : medianMm[axis]))
      : checkedSpacing(summary, override);
  const low = axes(spacing, 'percentile_00_5');
  const high = axes(spacing, 'percentile_99_5');
  const differs = ([0, 1, 2] as const).some(
    (axis) => low[axis] / targetMm[axis] < FINEST_RATIO || high[axis] / targetMm[axis] > COARSEST_RATIO,
  );
  const resample = override !== undefined || differs;
  const workingMm = resample ? targetMm : medianMm;
  const inPlane = workingMm.filter((_, axis) => axis !== slice).reduce((sum, value) => sum + value / 2, 0);
  const ratio = inPlane / workingMm[slice];
  const rule = `target ${shown(targetMm)} mm: median spacing in plane, and for slices the larger of its mean and the 10th percentile (Auto3DSeg)`;
  const reason = resample
    ? `${rule}; resampled because cases range from ${shown(low)} to ${shown(high)} mm (percentiles 0.5 and 99.5)`
    : `no resampling: all cases lie between half and 1.5 times the ${rule}`;
  return {
    spacingMm: { value: resample ? targetMm : null, reason: override === undefined ? reason : GIVEN },
    workingMm,
    anisotropic: ratio < ISOTROPIC_LOW || ratio > ISOTROPIC_HIGH,
  };
}

/** How many more halvings each axis is behind the finest one: SegResNetDS halves fine axes first (automl.md 2.1). */
export function lateLevels(resolution: readonly number[] | null): Triple {
  if (resolution === null) return [0, 0, 0];
  const coarsest = Math.max(...resolution);
  const early = perAxis((axis) => Math.floor(Math.log2(coarsest / (resolution[axis] ?? coarsest)) + 1e-9));
  const most = Math.max(...early);
  return perAxis((axis) => most - early[axis]);
}

/** What each patch axis must be a multiple of, for a network of this many levels. */
export function divisorFor(levels: number, resolution: readonly number[] | null): Triple {
  const late = lateLevels(resolution);
  return perAxis((axis) => 2 ** (Math.max(1, levels - late[axis]) - 1));
}

/** What the patch rule starts from: voxels that one patch may have, and its shape before it is fitted to the images. */
export interface PatchBudget {
  readonly voxels: number;
  readonly start: Readonly<Triple>;
  readonly maxLevels: number;
}

/** A patch (voxels) with the levels of the network that it allows. */
export interface PatchPlan {
  readonly patchSize: Triple;
  readonly levels: number;
  /** Median image in voxels of the working spacing. */
  readonly imageVoxels: Triple;
}

/** The largest patch within the budget: grown as far as the median image goes, then cut to multiples of 2^(levels-1). */
export function planPatch(summary: AnalysisSummary, spacing: SpacingPlan, budget: PatchBudget): PatchPlan {
  const sizeMm = axes(summary.image_stats.sizemm, 'median');
  const imageVoxels = perAxis((axis) => Math.max(1, Math.floor(sizeMm[axis] / spacing.workingMm[axis] + 1e-6)));
  let patch = perAxis((axis) => Math.min(budget.start[axis], imageVoxels[axis]));
  while (volume(patch) < budget.voxels) {
    // Auto3DSeg grows by 15 % at a time; the last growth is cut so that the budget holds.
    const factor = Math.min(1.15, Math.cbrt(budget.voxels / volume(patch)));
    const grown = perAxis((axis) => Math.min(patch[axis] * factor, imageVoxels[axis]));
    if (volume(grown) <= volume(patch) * 1.0001) break;
    patch = grown;
  }
  const resolution = spacing.anisotropic ? spacing.workingMm : null;
  const late = lateLevels(resolution);
  const possible = perAxis((axis) => Math.floor(Math.log2(patch[axis]) + 1e-9) + late[axis]);
  const levels = Math.max(1, Math.min(budget.maxLevels, ...possible));
  const divisor = divisorFor(levels, resolution);
  const patchSize = perAxis((axis) => {
    // Never one cell deep at the bottom: two at least, as Auto3DSeg has it (small images are padded).
    return divisor[axis] * Math.max(2, Math.floor(patch[axis] / divisor[axis] + 1e-6));
  });
  return { patchSize, levels, imageVoxels };
}
