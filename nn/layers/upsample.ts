import { type Tensor, type Tensor5D, tf } from '../engine.ts';
import { type ParameterSpec, type Parameters, parameter } from '../network.ts';
import { conv, type Triple } from './conv.ts';
import { convTranspose } from './conv-transpose.ts';
import { resizeTrilinear } from './resize-trilinear.ts';

/*
 * MONAI's UpSample without bias, in its four modes, with their parameters under its names.
 */

/** What MONAI's option `upsample_mode` may be. */
export const UPSAMPLE_MODES = ['deconv', 'deconvgroup', 'nontrainable', 'pixelshuffle'] as const;
export type UpsampleMode = (typeof UPSAMPLE_MODES)[number];

/** An upsampling by `stride` to so many channels. */
export interface Upsample {
  readonly mode: UpsampleMode;
  readonly into: number;
  readonly out: number;
  /** Of the transposed convolutions. */
  readonly kernel: Triple;
  readonly stride: Triple;
}

/** The modes that need an upsampling by 2 along every axis: pixel shuffling knows one factor for all. */
export function isIsotropicMode(mode: UpsampleMode): boolean {
  return mode === 'pixelshuffle';
}

/** Voxels of a pixel shuffle that one voxel becomes, 2 along each axis. */
const SHUFFLED = 8;

function volume(kernel: Triple): number {
  return kernel[0] * kernel[1] * kernel[2];
}

/** Whether each output channel has input channels of its own: MONAI's choice where they divide. */
function isGrouped({ into, mode, out }: Upsample): boolean {
  return mode === 'deconvgroup' && into % out === 0;
}

/** The mode's only parameter. */
export function upsampleSpecs(name: string, upsample: Upsample): ParameterSpec[] {
  const { into, kernel, mode, out } = upsample;
  if (mode === 'nontrainable') {
    const init = { rule: 'uniform-fan-in', fanIn: into } as const;
    return [{ name: `${name}.preconv.weight`, shape: [out, into, 1, 1, 1], kind: 'conv', init }];
  }
  if (mode === 'pixelshuffle') {
    // Kaiming normal (gain sqrt 2), the same for the voxels that one becomes: no checkerboard at first (Aitken et al.,
    // arXiv:1707.02937).
    const init = { rule: 'normal', standardDeviation: Math.sqrt(2 / (into * 27)), repeats: SHUFFLED } as const;
    return [
      { name: `${name}.pixelshuffle.conv_block.weight`, shape: [out * SHUFFLED, into, 3, 3, 3], kind: 'conv', init },
    ];
  }
  // PyTorch takes the fan-in of a transposed convolution from its own layout: the second axis.
  const second = isGrouped(upsample) ? 1 : out;
  const init = { rule: 'uniform-fan-in', fanIn: second * volume(kernel) } as const;
  return [{ name: `${name}.${mode}.weight`, shape: [into, second, ...kernel], kind: 'conv-transpose', init }];
}

/** A transposed convolution in groups, one for each output channel, as one over all channels with zeros between groups. */
function groupedDeconv(x: Tensor5D, filter: Tensor, { into, out, stride }: Upsample): Tensor5D {
  const own = into / out;
  const mask = Float32Array.from({ length: out * into }, (_, i) =>
    Math.floor((i % into) / own) === Math.floor(i / into) ? 1 : 0,
  );
  return convTranspose(x, tf.mul(filter, tf.tensor(mask, [1, 1, 1, out, into])), stride);
}

/** [batch, x, y, z, 8 c] to [batch, 2x, 2y, 2z, c]: eight channels beside each other become eight voxels. */
function shuffle(x: Tensor5D): Tensor5D {
  const [batch, sx, sy, sz, channels] = x.shape;
  const out = channels / SHUFFLED;
  const parts = tf.reshape(x, [batch, sx, sy, sz, out, 2, 2, 2] as unknown as Tensor5D['shape']);
  return tf.reshape(tf.transpose(parts, [0, 1, 5, 2, 6, 3, 7, 4]), [batch, 2 * sx, 2 * sy, 2 * sz, out]);
}

/** Each voxel's mean with its neighbours before it, zeros beyond the border (MONAI's pad and pool). */
function smooth(x: Tensor5D): Tensor5D {
  const before: [number, number] = [1, 0];
  return tf.avgPool3d(tf.pad(x, [[0, 0], before, before, before, [0, 0]]), 2, 1, 'valid');
}

/** `x`: [batch, x, y, z, into]; result: [batch, sx*x, sy*y, sz*z, out]. */
export function upsampled(parameters: Parameters, name: string, x: Tensor5D, upsample: Upsample): Tensor5D {
  const { mode, stride } = upsample;
  const weight = parameter(parameters, upsampleSpecs(name, upsample)[0]?.name ?? name);
  if (mode === 'nontrainable') {
    const size = stride.map((step, axis) => step * (x.shape[axis + 1] as number)) as unknown as Triple;
    return resizeTrilinear(conv(x, weight), size, false);
  }
  if (mode === 'pixelshuffle') return smooth(shuffle(conv(x, weight)));
  return isGrouped(upsample) ? groupedDeconv(x, weight, upsample) : convTranspose(x, weight, stride);
}
