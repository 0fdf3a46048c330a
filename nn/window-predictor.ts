import type { Plan } from '@voxhelm/contracts/plan';
import { flipOf, inverseOf, isIdentity, type Rearrangement, rearrange } from '@voxhelm/imaging/rearrange';
import { groupProbabilities } from './group-probabilities.ts';
import type { Network } from './network.ts';
import {
  fillBatches,
  outputShape,
  type Planes,
  slidingWindows,
  type Triple,
  type WindowedImage,
  windowCount,
} from './sliding-window.ts';
import type { WindowFunction } from './training-engine.ts';

/*
 * Inference: windows through the network, logits blended, softmax, mirrored copies averaged. Free of any engine and of
 * Node: a browser predicts by the same code.
 */

/** Segments preprocessed images with one network's weights. */
export interface Predictor {
  readonly classes: number;
  /**
   * Softmax probabilities [class][x][y][z] of images on their preprocessed grids (of the planes that they ask for), in their order. `flips`: axes to mirror,
   * one more pass for each entry besides the image as it is; probabilities of all passes are averaged. Windows fill their
   * batches across passes and images. Throws `RangeError` where an image does not fit the network.
   */
  predict(
    images: readonly WindowedImage[],
    inference: Plan['inference'],
    flips: readonly (readonly number[])[],
  ): Promise<Float32Array[]>;
  /** Frees the weights where the predictor loaded them itself. */
  dispose(): void;
}

/** Voxels that a softmax takes together: their maxima and sums stay in the cache. */
const SOFTMAX_VOXELS = 4096;

/** Softmax over the classes of logits [class][x][y][z], in place. */
export function softmaxInPlace(logits: Float32Array, classes: number): Float32Array {
  const voxels = logits.length / classes;
  const largest = new Float32Array(SOFTMAX_VOXELS);
  const sum = new Float64Array(SOFTMAX_VOXELS);
  // Class by class over a stretch of voxels: classes lie a whole volume apart.
  for (let first = 0; first < voxels; first += SOFTMAX_VOXELS) {
    const count = Math.min(SOFTMAX_VOXELS, voxels - first);
    largest.fill(Number.NEGATIVE_INFINITY);
    sum.fill(0);
    for (let at = first; at < logits.length; at += voxels) {
      for (let v = 0; v < count; v++) largest[v] = Math.max(largest[v]!, logits[at + v]!);
    }
    for (let at = first; at < logits.length; at += voxels) {
      for (let v = 0; v < count; v++) {
        const power = Math.exp(logits[at + v]! - largest[v]!);
        logits[at + v] = power;
        sum[v]! += power;
      }
    }
    for (let at = first; at < logits.length; at += voxels) {
      for (let v = 0; v < count; v++) logits[at + v]! /= sum[v]!;
    }
  }
  return logits;
}

/** What of a plan decides windows and classes; without groups of labels the network's outputs are the classes. */
export type WindowPlan = Pick<Plan, 'patchSize'> & Partial<Pick<Plan, 'labels' | 'labelGroups'>>;

/** A predictor over a function of windows, which stays the caller's. */
export function createWindowPredictor(network: Network, plan: WindowPlan, computeWindows: WindowFunction): Predictor {
  const { patchSize } = plan;
  const { classes, probabilities } = outputsOf(network, plan);

  async function blend(images: readonly WindowedImage[], inference: Plan['inference']): Promise<Float32Array[]> {
    const options = { ...inference, windowSize: patchSize, batch: inference.windowBatchSize };
    const logits = await slidingWindows(images, network.outChannels, options, computeWindows);
    return logits.map(probabilities);
  }

  function checkImage({ data, channels, shape, planes }: WindowedImage): void {
    if (channels !== network.inChannels || data.length !== channels * shape[0] * shape[1] * shape[2]) {
      throw new RangeError(`an image of ${channels} channels and shape ${shape} does not fit this network`);
    }
    if (planes !== undefined && !(planes.from >= 0 && planes.from < planes.to && planes.to <= shape[0])) {
      throw new RangeError(`an image of shape ${shape} has no planes ${planes.from} to ${planes.to}`);
    }
  }

  return {
    classes,
    async predict(images, inference, flips) {
      images.forEach(checkImage);
      const passes = images.flatMap((_, index) => [[], ...flips].map((axes): Pass => ({ index, axes })));
      const sums: (Float32Array | undefined)[] = images.map(() => undefined);
      const windowsOf = ({ index, axes }: Pass) => {
        const { shape, planes } = images[index] as WindowedImage;
        return windowCount(shape, patchSize, inference.overlap, mirroredPlanes(shape, axes, planes));
      };
      for (const group of fillBatches(passes, windowsOf, inference.windowBatchSize)) {
        const blended = await blend(
          group.map(({ index, axes }) => mirrored(images[index] as WindowedImage, axes)),
          inference,
        );
        group.forEach(({ index, axes }, i) => {
          const shape = outputShape(images[index] as WindowedImage);
          const values = blended[i] as Float32Array;
          sums[index] = added(sums[index], turned(values, classes, shape, inverseOf(flipOf(axes))));
        });
      }
      return (sums as Float32Array[]).map((sum) => scaledInPlace(sum, 1 / (flips.length + 1)));
    },
    dispose: () => undefined,
  };
}

/** Number of classes, and how logits become their probabilities. */
function outputsOf(network: Network, { labels, labelGroups }: WindowPlan) {
  if (labelGroups == null || labels === undefined) {
    const classes = network.outChannels;
    return { classes, probabilities: (logits: Float32Array) => softmaxInPlace(logits, classes) };
  }
  const indices = labelGroups.map(({ writes }) => labels.findIndex(({ value }) => value === writes));
  const background = labels.findIndex(({ value }) => value === 0);
  return {
    classes: labels.length,
    probabilities: (logits: Float32Array) => groupProbabilities(logits, indices, background),
  };
}

/** One image, mirrored along some axes. */
interface Pass {
  readonly index: number;
  readonly axes: readonly number[];
}

function mirrored(image: WindowedImage, axes: readonly number[]): WindowedImage {
  const { data, channels, shape } = image;
  const planes = mirroredPlanes(shape, axes, image.planes);
  return {
    data: turned(data, channels, shape, flipOf(axes)),
    channels,
    shape,
    ...(planes === undefined ? {} : { planes }),
  };
}

/** The planes that hold the same voxels once the image is mirrored. */
function mirroredPlanes([planes]: Triple, axes: readonly number[], asked: Planes | undefined): Planes | undefined {
  if (asked === undefined || !axes.includes(0)) return asked;
  return { from: planes - asked.to, to: planes - asked.from };
}

/** [channel][x][y][z] rearranged; itself where nothing moves. */
function turned(values: Float32Array, channels: number, shape: Triple, change: Rearrangement): Float32Array {
  return isIdentity(change) ? values : rearrange(values, channels, shape, change);
}

function added(sum: Float32Array | undefined, values: Float32Array): Float32Array {
  if (sum === undefined) return values;
  for (let i = 0; i < sum.length; i++) sum[i]! += values[i]!;
  return sum;
}

function scaledInPlace(values: Float32Array, factor: number): Float32Array {
  if (factor !== 1) for (let i = 0; i < values.length; i++) values[i]! *= factor;
  return values;
}
