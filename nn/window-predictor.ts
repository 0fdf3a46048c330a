import type { Plan } from '@voxhelm/contracts/plan';
import { flipOf, inverseOf, isIdentity, type Rearrangement, rearrange } from '@voxhelm/imaging/rearrange';
import { groupProbabilities } from './group-probabilities.ts';
import type { Network } from './network.ts';
import { fillBatches, slidingWindows, type Triple, type WindowedImage, windowCount } from './sliding-window.ts';
import type { WindowFunction } from './training-engine.ts';

/*
 * Inference: windows through the network, logits blended, softmax, mirrored copies averaged. Free of any engine and of
 * Node: a browser predicts by the same code.
 */

/** Segments preprocessed images with one network's weights. */
export interface Predictor {
  readonly classes: number;
  /**
   * Softmax probabilities [class][x][y][z] of images on their preprocessed grids, in their order. `flips`: axes to mirror,
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

/** Softmax over the classes of logits [class][x][y][z], in place. */
export function softmaxInPlace(logits: Float32Array, classes: number): Float32Array {
  const voxels = logits.length / classes;
  for (let v = 0; v < voxels; v++) {
    let largest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) largest = Math.max(largest, logits[c * voxels + v]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      const power = Math.exp(logits[c * voxels + v]! - largest);
      logits[c * voxels + v] = power;
      sum += power;
    }
    for (let c = 0; c < classes; c++) logits[c * voxels + v]! /= sum;
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

  function checkImage({ data, channels, shape }: WindowedImage): void {
    if (channels !== network.inChannels || data.length !== channels * shape[0] * shape[1] * shape[2]) {
      throw new RangeError(`an image of ${channels} channels and shape ${shape} does not fit this network`);
    }
  }

  return {
    classes,
    async predict(images, inference, flips) {
      images.forEach(checkImage);
      const passes = images.flatMap((_, index) => [[], ...flips].map((axes): Pass => ({ index, axes })));
      const sums: (Float32Array | undefined)[] = images.map(() => undefined);
      const windowsOf = ({ index }: Pass) =>
        windowCount((images[index] as WindowedImage).shape, patchSize, inference.overlap);
      for (const group of fillBatches(passes, windowsOf, inference.windowBatchSize)) {
        const blended = await blend(
          group.map(({ index, axes }) => mirrored(images[index] as WindowedImage, axes)),
          inference,
        );
        group.forEach(({ index, axes }, i) => {
          const { shape } = images[index] as WindowedImage;
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
  return { ...image, data: turned(image.data, image.channels, image.shape, flipOf(axes)) };
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
