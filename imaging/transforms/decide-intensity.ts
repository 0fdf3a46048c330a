import type { PatchTransform } from '@voxhelm/contracts/transforms';
import { roundHalfEven } from '../nearest-positions.ts';
import { type Random, randomIndex, uniformBetween } from '../random.ts';
import type { Vec3 } from '../volume.ts';
import { extent, moments } from './intensity.ts';
import { eachChannel, type IntensityOperation, type IntensityPatch } from './intensity-operation.ts';
import * as artifacts from './mr-artifacts.ts';
import type { Movement } from './mr-motion.ts';
import { drawFrom } from './spatial.ts';

/*
 * What is random in transforms of intensities, decided.
 */

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
      return drawGhosts(random, transform);
    case 'RandomSpike':
      return drawSpikes(random, transform, patch);
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
  const count = typeof given === 'number' ? given : drawCount(random, [Math.min(...given), Math.max(...given)]);
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
): Movement[] {
  const step = 1 / (count + 1);
  const triple = (draw: () => number): Vec3 => [draw(), draw(), draw()];
  return Array.from({ length: count }, (_, i) => ({
    time: (i + 1) * step + uniformBetween(random, -0.3 * step, 0.3 * step),
    rotate: triple(() => (drawFrom(random, degrees) * Math.PI) / 180),
    translateMm: triple(() => drawFrom(random, translation)),
  }));
}

function drawGhosts(random: Random, transform: Of<'RandomGhosting'>): IntensityOperation[] {
  const axis = transform.axes[randomIndex(random, transform.axes.length)] as number;
  const ghosts = drawCount(random, fromNone(transform.num_ghosts));
  const intensity = uniformBetween(random, ...fromNone(transform.intensity));
  const restore = transform.restore === null ? null : uniformBetween(random, ...fromNone(transform.restore));
  return ghosts === 0 ? [] : [{ kind: 'ghosting', axis, ghosts, intensity, restore }];
}

/** Spikes at places drawn one by one, all of one intensity (TorchIO's rule). */
function drawSpikes(random: Random, transform: Of<'RandomSpike'>, patch: IntensityPatch): IntensityOperation[] {
  const count = drawCount(random, fromNone(transform.num_spikes));
  const places = Array.from({ length: count }, (): Vec3 => [random(), random(), random()]);
  return count === 0 ? [] : [spikesOf(patch, places, drawFrom(random, transform.intensity))];
}

/** Spikes at shares of the axes of k-space, `intensity` times its largest value, as high as each channel makes them. */
export function spikesOf(patch: IntensityPatch, places: readonly Vec3[], intensity: number): IntensityOperation {
  const spikes: artifacts.Spike[][] = [];
  eachChannel(patch, (channel) => {
    spikes.push(artifacts.spikesAt(channel, patch.shape, places, intensity));
  });
  return { kind: 'spike', spikes };
}

/** A range as TorchIO writes what cannot be negative: x for 0..x, or low and high. */
function fromNone(range: number | readonly [number, number]): readonly [number, number] {
  return typeof range === 'number' ? [0, range] : range;
}

/** A whole number from low to high. */
function drawCount(random: Random, [low, high]: readonly [number, number]): number {
  return low + randomIndex(random, Math.max(0, high - low) + 1);
}
