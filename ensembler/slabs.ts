import type { LabelDefinition } from '@voxhelm/contracts/dataset';
import type { FusionPlan } from '@voxhelm/contracts/ensemble';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import { fromRasData, rasShapeOf } from '@voxhelm/imaging/geometry';
import {
  argmaxLabels,
  type PlaneRange,
  type PreprocessedCase,
  planesBehind,
  restorePlanes,
} from '@voxhelm/imaging/preprocess';
import { type Vec3, voxelCount } from '@voxhelm/imaging/volume';
import { addToFusion, fusedLabels, fusionEntropy, startFusion } from './fuse.ts';
import type { LoadedModel } from './fuse-models.ts';
import type { PreparedImage } from './image-groups.ts';
import { quantize } from './quantize.ts';

/*
 * Large images of many classes: 512 x 512 x 600 voxels of 105 classes are 66 GB of probabilities. Such an image is predicted,
 * restored, fused and labelled slab by slab across the right-left axis, so that memory is bounded whatever its size. Windows
 * that reach over the end of a slab are computed for both.
 */

/** Values, classes x voxels, that an image may have at once: 4 GiB in single precision, of which three or four arrays are held. */
export const SLAB_VALUES = 2 ** 30;

/** An image's labels, and how unsure they are, on its own grid. */
export interface FusedImage {
  readonly data: Uint8Array | Uint16Array;
  /** {@link fusionEntropy}; computed when it is asked for. */
  entropy(): Float32Array;
}

/** How many planes of the image in RAS are predicted at once so that no array has more than `values` values; at least one. */
export function slabPlanes(
  rasShape: Vec3,
  cases: readonly Pick<PreprocessedCase, 'shape'>[],
  classes: number,
  values: number,
): number {
  const largest = Math.max(voxelCount(rasShape), ...cases.map(({ shape }) => voxelCount(shape)));
  return Math.max(1, Math.min(rasShape[0], Math.floor((rasShape[0] * values) / (classes * largest))));
}

/**
 * The models' fused prediction of one image, slab by slab: what predicting it as a whole gives. Entropies are computed at once,
 * for the probabilities are gone afterwards.
 */
export async function fuseBySlabs(
  models: readonly LoadedModel[],
  { image, preprocessed }: PreparedImage,
  fusion: Pick<FusionPlan, 'mode' | 'flips'>,
  labels: readonly LabelDefinition[],
  values: number,
): Promise<FusedImage> {
  const { affine } = image;
  const rasShape = rasShapeOf(image.shape, affine);
  const planeVoxels = rasShape[1] * rasShape[2];
  const cases = models.map(({ plan }) => preprocessed(plan));
  const height = slabPlanes(rasShape, cases, labels.length, values);
  const labelValues = labels.map(({ value }) => value);
  let data: Uint8Array | Uint16Array | undefined;
  const entropy = new Float32Array(voxelCount(rasShape));
  for (let from = 0; from < rasShape[0]; from += height) {
    const planes = { from, to: Math.min(rasShape[0], from + height) };
    const slab = startFusion(fusion.mode, labels.length, (planes.to - from) * planeVoxels);
    for (const [index, model] of models.entries()) {
      addToFusion(slab, await predictPlanes(model, cases[index] as PreprocessedCase, planes, fusion.flips));
    }
    const part = fusedLabels(slab, labelValues);
    data ??= part instanceof Uint16Array ? new Uint16Array(entropy.length) : new Uint8Array(entropy.length);
    data.set(part, from * planeVoxels);
    entropy.set(fusionEntropy(slab), from * planeVoxels);
  }
  return {
    data: fromRasData(data ?? new Uint8Array(0), 1, rasShape, affine),
    entropy: () => fromRasData(entropy, 1, rasShape, affine),
  };
}

/** What a validation keeps of a large image, on the image's own grid. */
export interface QuantizedPrediction {
  /** [class][x][y][z], 0..255 for 0..1. */
  readonly probabilities: Uint8Array;
  /** The label value of the most probable class before the rounding. */
  readonly labels: Uint8Array | Uint16Array;
}

/** More bytes than this are no array. */
const MOST_VALUES = 2 ** 32;

/**
 * One model's prediction of an image of more than `values` classes x voxels, slab by slab, in a byte a value; null where the
 * image is smaller. Throws `bad-image` where even the bytes are too many for an array.
 */
export async function predictLarge(
  model: LoadedModel,
  one: PreprocessedCase,
  labels: readonly LabelDefinition[],
  values: number,
): Promise<QuantizedPrediction | null> {
  const { shape, affine } = one.original;
  const rasShape = rasShapeOf(shape, affine);
  const height = slabPlanes(rasShape, [one], labels.length, values);
  if (height >= rasShape[0]) return null;
  const voxels = voxelCount(rasShape);
  if (labels.length * voxels > MOST_VALUES) {
    throw new VoxhelmError(
      'bad-image',
      `${labels.length} classes of ${shape.join(' x ')} voxels are too many to validate on: ${labels.length * voxels} probabilities, ${MOST_VALUES} at most`,
      { fix: 'Bring the images and labels of the dataset to larger voxels, or keep such cases out of the validation.' },
    );
  }
  const planeVoxels = rasShape[1] * rasShape[2];
  const bytes = new Uint8Array(labels.length * voxels);
  let chosen: Uint8Array | Uint16Array | undefined;
  for (let from = 0; from < rasShape[0]; from += height) {
    const part = await predictPlanes(model, one, { from, to: Math.min(rasShape[0], from + height) }, []);
    const own = argmaxLabels(part, labels.length, labels);
    chosen ??= own instanceof Uint16Array ? new Uint16Array(voxels) : new Uint8Array(voxels);
    chosen.set(own, from * planeVoxels);
    for (let index = 0; index < labels.length; index++) {
      const ofClass = part.subarray(index * own.length, (index + 1) * own.length);
      bytes.set(quantize(ofClass), index * voxels + from * planeVoxels);
    }
  }
  return {
    probabilities: fromRasData(bytes, labels.length, rasShape, affine),
    labels: fromRasData(chosen ?? new Uint8Array(0), 1, rasShape, affine),
  };
}

/** A model's probabilities [class][x][y][z] of some planes of an image in RAS. */
async function predictPlanes(
  { plan, predictor }: LoadedModel,
  one: PreprocessedCase,
  planes: PlaneRange,
  flips: FusionPlan['flips'],
): Promise<Float32Array> {
  const asked = { ...one, planes: planesBehind(one, planes) };
  const [probabilities] = await predictor.predict([asked], plan.inference, flips);
  return restorePlanes(probabilities as Float32Array, predictor.classes, one, planes);
}
