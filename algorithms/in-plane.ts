import type { Augmentation, Plan } from '@voxhelm/contracts/plan';

/** nnU-Net: a patch more than three times as long as it is thin is turned and scaled in its plane alone. */
const ELONGATED_FROM = 3;

type Triple = [number, number, number];

/**
 * The planned augmentation for elongated patches, by nnU-Net's rule ("dummy 2D": largest edge over the edge of the thin axis
 * above 3): turns about the thin axis alone, quarter turns in the plane across it, and no scaling along it. A thin patch turned on its
 * side would be mostly what lies between slices. The plan itself where its patch is none.
 */
export function turnInPlane(plan: Plan): Plan {
  const { patchSize } = plan;
  const smallest = Math.min(...patchSize);
  if (Math.max(...patchSize) / smallest <= ELONGATED_FROM) return plan;
  const thin = patchSize.indexOf(smallest);
  const augmentation = plan.augmentation.map((one) => inPlane(one, thin));
  if (JSON.stringify(augmentation) === JSON.stringify(plan.augmentation)) return plan;
  const why = `turned and scaled in the plane alone: a patch of ${patchSize.join(' x ')} is more than ${ELONGATED_FROM} times as long as it is thin (nnU-Net)`;
  return {
    ...plan,
    augmentation,
    reasons: { ...plan.reasons, augmentation: `${plan.reasons['augmentation']}; ${why}` },
  };
}

function inPlane(augmentation: Augmentation, thin: number): Augmentation {
  if (augmentation.name === 'affine') {
    const { rotationRadians, scale } = augmentation;
    return {
      ...augmentation,
      rotationRadians: rotationRadians.map((range, axis) => (axis === thin ? range : 0)) as Triple,
      scale: scale.map((range, axis) => (axis === thin ? 0 : range)) as Triple,
    };
  }
  if (augmentation.name === 'RandRotate90d') {
    return { ...augmentation, spatial_axes: [0, 1, 2].filter((axis) => axis !== thin) as [number, number] };
  }
  return augmentation;
}
