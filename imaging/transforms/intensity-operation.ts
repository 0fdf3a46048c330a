import { seededRandom } from '../random.ts';
import { resampleLinearTo } from '../resample.ts';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { addNoise, interpolate, linear, moments, power } from './intensity.ts';
import * as artifacts from './mr-artifacts.ts';
import { type Movement, motion, type ScannedGrid } from './mr-motion.ts';
import { blur, erfKernel } from './smooth.ts';

/** Intensities [channel][x][y][z] that a transform changes in place. */
export interface IntensityPatch extends ScannedGrid {
  readonly data: Float32Array;
  readonly channels: number;
}

/** One change of intensities with everything random decided: plain JSON. */
export type IntensityOperation =
  | {
      readonly kind: 'linear';
      readonly channels: readonly { scale: number; offset: number }[];
      readonly zerosStay: boolean;
    }
  | { readonly kind: 'clip'; readonly lower: number; readonly upper: number }
  | { readonly kind: 'noise'; readonly mean: number; readonly deviation: number; readonly stream: number }
  | { readonly kind: 'smooth'; readonly sigmaVoxels: Vec3 }
  | {
      readonly kind: 'power';
      readonly exponent: number;
      readonly low: number;
      readonly high: number;
      readonly inverted: boolean;
    }
  | { readonly kind: 'keep-moments'; readonly mean: number; readonly deviation: number }
  | { readonly kind: 'interpolate'; readonly from: readonly number[]; readonly to: readonly number[] }
  | { readonly kind: 'low-resolution'; readonly shape: Vec3 }
  | { readonly kind: 'motion'; readonly movements: readonly Movement[] }
  | {
      readonly kind: 'ghosting';
      readonly axis: number;
      readonly ghosts: number;
      readonly intensity: number;
      readonly restore: number | null;
    }
  /** For each channel its spikes. */
  | { readonly kind: 'spike'; readonly spikes: readonly (readonly artifacts.Spike[])[] }
  | { readonly kind: 'bias'; readonly coefficients: readonly number[]; readonly order: number };

/** Does an operation, in place. */
export function applyIntensity(operation: IntensityOperation, patch: IntensityPatch): void {
  const { data, channels, shape } = patch;
  switch (operation.kind) {
    case 'linear':
      eachChannel(patch, (channel, index) => {
        const { scale, offset } = operation.channels[Math.min(index, operation.channels.length - 1)] as {
          scale: number;
          offset: number;
        };
        linear(channel, scale, offset, operation.zerosStay);
      });
      break;
    case 'clip':
      for (let i = 0; i < data.length; i++)
        data[i] = Math.min(operation.upper, Math.max(operation.lower, data[i] as number));
      break;
    case 'noise':
      addNoise(seededRandom(operation.stream), data, operation.mean, operation.deviation);
      break;
    case 'smooth':
      // MONAI's kernel: four standard deviations, 0 beyond the image.
      blur(
        data,
        channels,
        shape,
        operation.sigmaVoxels.map((sigma) => erfKernel(sigma, 4)),
        'zeros',
      );
      break;
    case 'power':
      if (operation.inverted) linear(data, -1, 0);
      power(data, operation.low, operation.high, operation.exponent);
      if (operation.inverted) linear(data, -1, 0);
      break;
    case 'keep-moments': {
      const now = moments(data, false);
      if (now === null) break;
      const scale = operation.deviation / (now.deviation + 1e-8);
      linear(data, scale, operation.mean - now.mean * scale);
      break;
    }
    case 'interpolate':
      interpolate(data, operation.from, operation.to);
      break;
    case 'low-resolution':
      data.set(fromLowResolution(patch, operation.shape));
      break;
    case 'motion':
      eachChannel(patch, (channel) => motion(channel, patch, operation.movements));
      break;
    case 'ghosting':
      eachChannel(patch, (channel) => artifacts.ghosting(channel, shape, operation));
      break;
    case 'spike':
      eachChannel(patch, (channel, index) => {
        for (const one of operation.spikes[index] ?? []) artifacts.spike(channel, shape, one, 1);
      });
      break;
    case 'bias':
      eachChannel(patch, (channel) =>
        artifacts.biasField(channel, shape, operation.coefficients, operation.order, false),
      );
      break;
  }
}

/** Undoes an operation in place; false where that cannot be done. */
export function undoIntensity(operation: IntensityOperation, patch: IntensityPatch): boolean {
  const { data, shape } = patch;
  switch (operation.kind) {
    case 'linear': {
      if (operation.channels.some(({ scale }) => scale === 0)) return false;
      const channels = operation.channels.map(({ scale, offset }) => ({ scale: 1 / scale, offset: -offset / scale }));
      applyIntensity({ ...operation, channels }, patch);
      return true;
    }
    case 'power':
      applyIntensity({ ...operation, exponent: 1 / operation.exponent }, patch);
      return true;
    case 'interpolate': {
      const rises = operation.to.every((value, i) => i === 0 || value > (operation.to[i - 1] as number));
      if (rises) interpolate(data, operation.to, operation.from);
      return rises;
    }
    case 'spike':
      eachChannel(patch, (channel, index) => {
        for (const one of operation.spikes[index] ?? []) artifacts.spike(channel, shape, one, -1);
      });
      return true;
    case 'bias':
      eachChannel(patch, (channel) =>
        artifacts.biasField(channel, shape, operation.coefficients, operation.order, true),
      );
      return true;
    case 'noise': // Information was lost, or the image was not all that went in.
    case 'clip':
    case 'smooth':
    case 'keep-moments':
    case 'low-resolution':
    case 'motion':
    case 'ghosting':
      return false;
  }
}

/** Calls for each channel with its part of the array. */
export function eachChannel(
  { data, channels, shape }: IntensityPatch,
  change: (channel: Float32Array, index: number) => void,
): void {
  const voxels = voxelCount(shape);
  for (let index = 0; index < channels; index++) change(data.subarray(index * voxels, (index + 1) * voxels), index);
}

/** Down to a smaller grid by the nearest voxel and up again trilinearly, voxel edges aligned (PyTorch's interpolate). */
function fromLowResolution({ data, channels, shape }: IntensityPatch, small: Vec3): Float32Array {
  const [sizeX, sizeY, sizeZ] = small;
  const voxels = voxelCount(shape);
  const reduced = new Float32Array(channels * voxelCount(small));
  const nearest = (axis: 0 | 1 | 2): number[] =>
    Array.from({ length: small[axis] }, (_, i) =>
      Math.min(shape[axis] - 1, Math.floor((i * shape[axis]) / small[axis])),
    );
  const [xs, ys, zs] = [nearest(0), nearest(1), nearest(2)];
  let to = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let x = 0; x < sizeX; x++) {
      for (let y = 0; y < sizeY; y++) {
        const row = channel * voxels + ((xs[x] as number) * shape[1] + (ys[y] as number)) * shape[2];
        for (let z = 0; z < sizeZ; z++) reduced[to++] = data[row + (zs[z] as number)] as number;
      }
    }
  }
  const step = [0, 1, 2].map((axis) => (small[axis] as number) / (shape[axis] as number)) as unknown as Vec3;
  const start = step.map((one) => (one - 1) / 2) as unknown as Vec3;
  return resampleLinearTo(reduced, channels, small, shape, step, start);
}
