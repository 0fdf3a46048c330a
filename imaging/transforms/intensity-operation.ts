import type { PatchTransform } from '@voxhelm/contracts/transforms';
import { roundHalfEven } from '../nearest-positions.ts';
import type { Random } from '../random.ts';
import { randomIndex, seededRandom, uniformBetween } from '../random.ts';
import { resampleLinearTo } from '../resample.ts';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';
import { addNoise, extent, interpolate, linear, moments, power } from './intensity.ts';
import * as artifacts from './mr-artifacts.ts';
import { blur, erfKernel } from './smooth.ts';
import { drawFrom } from './spatial.ts';

/** Intensities [channel][x][y][z] that a transform changes in place. */
export interface IntensityPatch {
  readonly data: Float32Array;
  readonly channels: number;
  readonly shape: Vec3;
  readonly spacingMm: Vec3;
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
  | { readonly kind: 'motion'; readonly movements: readonly artifacts.Movement[] }
  | {
      readonly kind: 'ghosting';
      readonly axis: number;
      readonly ghosts: number;
      readonly intensity: number;
      readonly restore: number;
    }
  /** For each channel its spikes. */
  | { readonly kind: 'spike'; readonly spikes: readonly (readonly artifacts.Spike[])[] }
  | { readonly kind: 'bias'; readonly coefficients: readonly number[]; readonly order: number };

/** Does an operation, in place. */
export function applyIntensity(operation: IntensityOperation, patch: IntensityPatch): void {
  const { data, channels, shape, spacingMm } = patch;
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
      eachChannel(patch, (channel) => artifacts.motion(channel, shape, spacingMm, operation.movements));
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

function eachChannel(
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

/** The intensity transforms among those of patches. */
export type IntensityTransform = Exclude<
  PatchTransform,
  { name: 'RandFlipd' | 'RandRotate90d' | 'RandAffined' | 'RandZoomd' | 'Rand3DElasticd' }
>;

/** What a transform does to this patch: nothing where it was not drawn, else one or two operations in their order. */
export function decideIntensity(
  random: Random,
  transform: IntensityTransform,
  patch: IntensityPatch,
): IntensityOperation[] {
  if (random() >= ('prob' in transform ? transform.prob : transform.p)) return [];
  switch (transform.name) {
    case 'RandGaussianNoised': {
      const deviation = transform.sample_std ? uniformBetween(random, 0, transform.std) : transform.std;
      return [{ kind: 'noise', mean: transform.mean, deviation, stream: randomIndex(random, 2 ** 32) }];
    }
    case 'RandGaussianSmoothd': {
      const { spacingMm } = patch;
      const sigmas = [transform.sigma_x, transform.sigma_y, transform.sigma_z].map(
        ([low, high], axis) =>
          uniformBetween(random, low, high) / (transform.units === 'mm' ? (spacingMm[axis] as number) : 1),
      );
      return [{ kind: 'smooth', sigmaVoxels: sigmas as unknown as Vec3 }];
    }
    case 'RandScaleIntensityd':
      return [
        { kind: 'linear', channels: [{ scale: 1 + drawFrom(random, transform.factors), offset: 0 }], zerosStay: false },
      ];
    case 'RandShiftIntensityd':
      return [
        { kind: 'linear', channels: [{ scale: 1, offset: drawFrom(random, transform.offsets) }], zerosStay: false },
      ];
    case 'RandAdjustContrastd':
      return adjustContrast(random, transform, patch);
    case 'RandHistogramShiftd':
      return histogramShift(random, transform, patch);
    case 'RandSimulateLowResolutiond': {
      const zoom = uniformBetween(random, transform.zoom_range[0], transform.zoom_range[1]);
      const shape = patch.shape.map((size) => Math.max(1, roundHalfEven(size * zoom))) as unknown as Vec3;
      return [{ kind: 'low-resolution', shape }];
    }
    case 'RandomMotion':
      return [{ kind: 'motion', movements: drawMovements(random, transform) }];
    case 'RandomGhosting':
      return [
        {
          kind: 'ghosting',
          axis: transform.axes[randomIndex(random, transform.axes.length)] as number,
          ghosts: drawCount(random, transform.num_ghosts),
          intensity: uniformBetween(random, transform.intensity[0], transform.intensity[1]),
          restore: transform.restore,
        },
      ];
    case 'RandomSpike':
      return [drawSpikes(random, transform, patch)];
    case 'RandomBiasField': {
      const { coefficients: range, order } = transform;
      const coefficients = Array.from({ length: artifacts.polynomialTerms(order) }, () => drawFrom(random, range));
      return [{ kind: 'bias', coefficients, order }];
    }
  }
}

type Of<Name extends PatchTransform['name']> = Extract<PatchTransform, { name: Name }>;

function adjustContrast(
  random: Random,
  transform: Of<'RandAdjustContrastd'>,
  { data }: IntensityPatch,
): IntensityOperation[] {
  const [least, most] = typeof transform.gamma === 'number' ? [0.5, transform.gamma] : transform.gamma;
  const exponent = uniformBetween(random, least, most);
  const { low, high } = extent(data);
  const inverted = transform.invert_image;
  const range = inverted ? { low: -high, high: -low } : { low, high };
  const change: IntensityOperation = { kind: 'power', exponent, inverted, ...range };
  const before = transform.retain_stats ? moments(data, false) : null;
  return before === null ? [change] : [change, { kind: 'keep-moments', ...before }];
}

/** Control points at even steps of the intensities' range; the inner ones move between their neighbours (MONAI's rule). */
function histogramShift(
  random: Random,
  transform: Of<'RandHistogramShiftd'>,
  { data }: IntensityPatch,
): IntensityOperation[] {
  const given = transform.num_control_points;
  const count = typeof given === 'number' ? given : drawCount(random, given);
  const { low, high } = extent(data);
  if (!(high > low)) return [];
  const even = Array.from({ length: count }, (_, i) => i / (count - 1));
  const moved = [...even];
  for (let i = 1; i < count - 1; i++) moved[i] = uniformBetween(random, moved[i - 1] as number, moved[i + 1] as number);
  const scaled = (shares: readonly number[]): number[] => shares.map((share) => low + share * (high - low));
  return [{ kind: 'interpolate', from: scaled(even), to: scaled(moved) }];
}

/** Movements at even steps of the acquisition, each up to 0.3 steps early or late (TorchIO's rule). */
function drawMovements(
  random: Random,
  { degrees, translation, num_transforms: count }: Of<'RandomMotion'>,
): artifacts.Movement[] {
  const step = 1 / (count + 1);
  const triple = (draw: () => number): Vec3 => [draw(), draw(), draw()];
  return Array.from({ length: count }, (_, i) => ({
    time: (i + 1) * step + uniformBetween(random, -0.3 * step, 0.3 * step),
    rotate: triple(() => (drawFrom(random, degrees) * Math.PI) / 180),
    translateMm: triple(() => drawFrom(random, translation)),
  }));
}

function drawSpikes(random: Random, transform: Of<'RandomSpike'>, patch: IntensityPatch): IntensityOperation {
  const given = transform.num_spikes;
  const count = typeof given === 'number' ? given : drawCount(random, given);
  const drawn = Array.from({ length: count }, () => ({
    place: [random(), random(), random()] as const,
    intensity: uniformBetween(random, transform.intensity[0], transform.intensity[1]),
  }));
  const spikes: artifacts.Spike[][] = [];
  eachChannel(patch, (channel) => {
    const unit = artifacts.spikeHeight(channel, patch.shape, 1);
    spikes.push(drawn.map(({ place, intensity }) => ({ place, height: intensity * unit })));
  });
  return { kind: 'spike', spikes };
}

/** A whole number from low to high. */
function drawCount(random: Random, [low, high]: readonly [number, number]): number {
  return low + randomIndex(random, Math.max(0, high - low) + 1);
}
