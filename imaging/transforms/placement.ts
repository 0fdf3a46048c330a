import type { Augmentation, DeviceAugmentation, Plan } from '@voxhelm/contracts/plan';
import { axesOf } from './move-operation.ts';

type Placed = Pick<Plan, 'augmentation'> & { readonly training: Pick<Plan['training'], 'augmentOn'> };

/** What the device can do: what needs nothing beyond the patch, and has been written for it. */
const ON_DEVICE: readonly string[] = [
  'flip',
  'gaussian-smooth',
  'gaussian-noise',
  'scale-intensity',
  'shift-intensity',
  'gamma',
] satisfies DeviceAugmentation['name'][];

function isOnDevice(augmentation: Augmentation): augmentation is DeviceAugmentation {
  return ON_DEVICE.includes(augmentation.name);
}

/** The transforms that the loader does: all, or with `training.augmentOn` "device" those that only the loader can. */
export function loaderAugmentation({ augmentation, training }: Placed): readonly Augmentation[] {
  return training.augmentOn === 'loader' ? augmentation : augmentation.filter((one) => !isOnDevice(one));
}

/** The transforms that the device does, after the loader's. */
export function deviceAugmentation({ augmentation, training }: Placed): readonly DeviceAugmentation[] {
  return training.augmentOn === 'loader' ? [] : augmentation.filter(isOnDevice);
}

/** Axes that an augmentation mirrors at random, each by itself: what a test-time mirroring may do as well. */
export function mirroredAxes(augmentation: readonly Augmentation[]): number[] {
  const axes = augmentation.flatMap((one) => {
    if (one.name === 'flip' && one.probability > 0) return one.axes;
    if (one.name !== 'RandFlipd' || !(one.prob > 0)) return [];
    const together = axesOf(one.spatial_axis);
    return together.length === 1 ? together : [];
  });
  return [...new Set(axes)];
}
