import type { Plan } from '@voxhelm/contracts/plan';
import { axes, perAxis, type Triple } from '../axes.ts';
import { because } from '../plan-of.ts';
import type { Reasoned } from '../plan-overrides.ts';
import type { PlanInput } from '../planner.ts';

/** Auto3DSeg: patches are placed by class where one axis shows less than 0.8 of a large image, else anywhere. */
const COVERING_SHARE = 0.8;

/** Of an image's voxels: a label with less is looked for, whatever a patch shows (Auto3DSeg does not ask). */
const RARE_SHARE = 1e-4;

/** The value of a label that is small in most images, or null. */
function rareLabel({ label_stats }: PlanInput['summary']): number | null {
  const median = ({ foreground_percentage: share }: (typeof label_stats.label)[number]): number =>
    typeof share.median === 'number' ? share.median : (share.median[0] ?? 1);
  return label_stats.label.find((label) => label.value > 0 && median(label) < RARE_SHARE)?.value ?? null;
}

/** Where a training's patches lie. */
export function cropRule(
  { summary, device }: PlanInput,
  spacingMm: Triple,
  patchSize: Triple,
): Reasoned<Plan['sampling']['mode']> {
  const sizeMm = axes(summary.image_stats.sizemm, 'percentile_90_0');
  const image = perAxis((axis) => Math.floor(sizeMm[axis] / spacingMm[axis] + 1e-6));
  const smaller = [0, 1, 2].some((axis) => (patchSize[axis] as number) < COVERING_SHARE * (image[axis] as number));
  const shown = `${patchSize.join(' x ')} of ${image.join(' x ')} voxels (90th percentile)`;
  if (device.kind === 'cpu') {
    return because('class', 'a short training on a CPU sees few patches: each is centred on a voxel of a class');
  }
  const rare = rareLabel(summary);
  if (rare !== null) {
    return because(
      'class',
      `label ${rare} fills less than ${100 * RARE_SHARE} % of an image: it would be met too seldom`,
    );
  }
  return smaller
    ? because('class', `Auto3DSeg: a patch shows a part of an image, ${shown}, so its centre is a voxel of a class`)
    : because('uniform', `Auto3DSeg: a patch shows nearly all of an image, ${shown}, so it may lie anywhere`);
}
