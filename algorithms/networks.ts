import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Network, NetworkFactory } from '@voxhelm/nn/network';
import { dintsNetwork } from './dints/network.ts';
import { segResNet } from './segresnet/network.ts';
import { swinUnetr } from './swinunetr/network.ts';
import { plainConvUNet, residualEncoderUNet } from './unet/network.ts';

/** Every network, by the reference's class name: the only list of them, for trainers and the browser. */
const factories: Readonly<Record<string, NetworkFactory>> = {
  SegResNetDS: segResNet,
  SwinUNETR: swinUnetr,
  DiNTS: dintsNetwork,
  PlainConvUNet: plainConvUNet,
  ResidualEncoderUNet: residualEncoderUNet,
};

/**
 * The network that `plan.network` names. Throws `invalid-request` for a class that does not exist or an option that the
 * class does not take.
 */
export function networkOf(config: {
  readonly class: string;
  readonly options: Readonly<Record<string, unknown>>;
}): Network {
  const factory = Object.hasOwn(factories, config.class) ? factories[config.class] : undefined;
  if (factory === undefined) {
    throw new VoxhelmError('invalid-request', `there is no network class "${config.class}"`, {
      fix: `Use one of: ${Object.keys(factories).join(', ')}.`,
      details: { field: 'network.class' },
    });
  }
  return factory({ ...config.options });
}
