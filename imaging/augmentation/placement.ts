import type { Augmentation, Plan } from '@voxhelm/contracts/plan';

type Placed = Pick<Plan, 'augmentation'> & { readonly training: Pick<Plan['training'], 'augmentOn'> };

/** The transforms that the loader does: all, or with `training.augmentOn` "device" those that cut the patch out (affine). */
export function loaderAugmentation({ augmentation, training }: Placed): readonly Augmentation[] {
  return training.augmentOn === 'loader' ? augmentation : augmentation.filter(({ name }) => name === 'affine');
}

/** The transforms that the device does. */
export function deviceAugmentation({ augmentation, training }: Placed): readonly Augmentation[] {
  return training.augmentOn === 'loader' ? [] : augmentation.filter(({ name }) => name !== 'affine');
}
