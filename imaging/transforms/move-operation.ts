import type { PatchTransform } from '@voxhelm/contracts/transforms';
import { type Random, randomIndex, seededRandom, uniformBetween } from '../random.ts';
import { flipOf, quarterTurns, type Rearrangement } from '../rearrange.ts';
import type { Vec3 } from '../volume.ts';
import type { Matrix3 } from './matrix.ts';
import {
  type AffineParameters,
  affineTransform,
  drawAffineParameters,
  drawFrom,
  type ElasticParameters,
  elasticField,
  followedBy,
  NO_TRANSFORM,
  type Padding,
  type SpatialTransform,
} from './spatial.ts';

/** Transforms that move voxels. */
export type MoveTransform = Extract<
  PatchTransform,
  { name: 'RandFlipd' | 'RandRotate90d' | 'RandAffined' | 'RandZoomd' | 'Rand3DElasticd' }
>;

const MOVES: readonly string[] = ['RandFlipd', 'RandRotate90d', 'RandAffined', 'RandZoomd', 'Rand3DElasticd'];

/** True for transforms that move voxels. */
export function isMove(transform: { readonly name: string }): transform is MoveTransform {
  return MOVES.includes(transform.name);
}

/** One move of voxels with everything random decided: plain JSON. */
export type MoveOperation =
  | { readonly kind: 'rearrange'; readonly change: Rearrangement }
  | {
      readonly kind: 'warp';
      readonly linear: Matrix3;
      readonly shiftVoxels: Vec3;
      readonly padding: Padding;
      /** Displacements before the affine part; made again from their stream. */
      readonly elastic: (ElasticParameters & { readonly stream: number }) | null;
    };

/** What a transform does to a volume or patch of this shape; null where it was not drawn. */
export function decideMove(
  random: Random,
  transform: MoveTransform,
  { spacingMm }: { readonly spacingMm: Vec3 },
): MoveOperation | null {
  if (random() >= transform.prob) return null;
  switch (transform.name) {
    case 'RandFlipd':
      return { kind: 'rearrange', change: flipOf(axesOf(transform.spatial_axis)) };
    case 'RandRotate90d':
      return {
        kind: 'rearrange',
        change: quarterTurns(1 + randomIndex(random, transform.max_k), planeOf(transform.spatial_axes)),
      };
    case 'RandZoomd':
      return warpOf({ ...NOTHING, scale: drawZoom(random, transform) }, paddingOf(transform.padding_mode), null);
    case 'RandAffined': {
      const parameters = drawAffineParameters(random, transform);
      return warpOf(parameters, paddingOf(transform.padding_mode), transform.units === 'mm' ? spacingMm : null);
    }
    case 'Rand3DElasticd': {
      const inMm = transform.units === 'mm';
      const perVoxel = (axis: number): number => (inMm ? (spacingMm[axis] as number) : 1);
      const magnitude = drawFrom(random, transform.magnitude_range);
      const sigma = drawFrom(random, transform.sigma_range);
      const parameters = drawAffineParameters(random, transform);
      const elastic = {
        sigmaVoxels: [sigma / perVoxel(0), sigma / perVoxel(1), sigma / perVoxel(2)] as const,
        magnitudeVoxels: [magnitude / perVoxel(0), magnitude / perVoxel(1), magnitude / perVoxel(2)] as const,
        stream: randomIndex(random, 2 ** 32),
      };
      return { ...warpOf(parameters, paddingOf(transform.padding_mode), inMm ? spacingMm : null), elastic };
    }
  }
}

const NOTHING: AffineParameters = {
  rotate: [0, 0, 0],
  shear: [0, 0, 0, 0, 0, 0],
  translate: [0, 0, 0],
  scale: [1, 1, 1],
};

/** The axes of MONAI's `spatial_axis`: null is all, negative ones count from the last. */
export function axesOf(spatialAxis: number | readonly number[] | null): readonly number[] {
  return spatialAxis === null ? [0, 1, 2] : [spatialAxis].flat().map(axisOf);
}

/** The two axes of MONAI's `spatial_axes`, of which negative ones count from the last. */
export function planeOf([first, second]: readonly [number, number]): readonly [number, number] {
  return [axisOf(first), axisOf(second)];
}

function axisOf(axis: number): number {
  return axis < 0 ? axis + 3 : axis;
}

/** Padding of image and label alike; RandZoomd's is named as numpy does. */
function paddingOf(given: Exclude<MoveTransform, { name: 'RandFlipd' | 'RandRotate90d' }>['padding_mode']): Padding {
  const mode = typeof given === 'string' ? given : given[0];
  switch (mode) {
    case 'edge':
      return 'border';
    case 'constant':
      return 'zeros';
    case 'symmetric':
      return 'reflection';
    default:
      return mode;
  }
}

/** How far apart two neighbouring voxels are sampled: 1 over a zoom. One draw is for all axes, the first of two for two (MONAI). */
function drawZoom(
  random: Random,
  { min_zoom: least, max_zoom: most }: Extract<MoveTransform, { name: 'RandZoomd' }>,
): Vec3 {
  const [low, high] = [[least].flat(), [most].flat()];
  const bound = (sizes: readonly number[], i: number): number => (sizes[i] ?? sizes[0]) as number;
  const steps = Array.from(
    { length: Math.max(low.length, high.length) },
    (_, i) => 1 / uniformBetween(random, bound(low, i), bound(high, i)),
  );
  const [first, last] = [steps[0] as number, steps.at(-1) as number];
  return steps.length === 3 ? (steps as unknown as Vec3) : [first, first, last];
}

function warpOf(parameters: AffineParameters, padding: Padding, spacingMm: Vec3 | null) {
  const { linear, shiftVoxels } = affineTransform(parameters, padding, spacingMm);
  return { kind: 'warp' as const, linear, shiftVoxels, padding, elastic: null };
}

/** A move as what a patch of this size samples about its centre. */
export function transformOf(operation: MoveOperation, size: Vec3): SpatialTransform {
  if (operation.kind === 'rearrange') return rearrangedSampling(operation.change, size);
  const { linear, shiftVoxels, padding, elastic } = operation;
  const affine: SpatialTransform = { linear, shiftVoxels, field: null, padding };
  if (elastic === null) return affine;
  const field = elasticField(seededRandom(elastic.stream), size, elastic);
  return followedBy(affine, { ...NO_TRANSFORM, field, padding }, size);
}

/** A turned patch keeps its size, so a turn shows what lies beside it. Axes of unequal parity meet half a voxel off. */
function rearrangedSampling({ from, flip }: Rearrangement, size: Vec3): SpatialTransform {
  const linear = new Array<number>(9).fill(0);
  const shift = [0, 0, 0];
  for (const [axis, source] of from.entries()) {
    linear[3 * source + axis] = flip[axis] === true ? -1 : 1;
    if (((size[axis] as number) - (size[source] as number)) % 2 !== 0) shift[source] = 0.5;
  }
  return { ...NO_TRANSFORM, linear: linear as unknown as Matrix3, shiftVoxels: shift as unknown as Vec3 };
}
