import { setImmediate } from 'node:timers/promises';
import type { Plan } from '@voxhelm/contracts/plan';
import { type Tensor5D, tf } from './engine.ts';
import type { Network, Parameters } from './network.ts';
import { slidingWindow, type Triple } from './sliding-window.ts';
import { decodeSafetensors, disposeParameters, loadParameters } from './weights.ts';

/*
 * Inference: windows through the network, logits blended, softmax, mirrored copies averaged.
 */

/** Segments preprocessed images with one network's weights. */
export interface Predictor {
  readonly classes: number;
  /**
   * Softmax probabilities [class][x][y][z] of an image [channel][x][y][z], both on the preprocessed grid. `flips`: axes to
   * mirror, one more pass for each entry besides the image as it is; probabilities of all passes are averaged.
   */
  predict(
    image: Float32Array,
    channels: number,
    shape: Triple,
    inference: Plan['inference'],
    flips: readonly (readonly number[])[],
  ): Promise<Float32Array>;
  /** Frees the weights where the predictor loaded them itself. */
  dispose(): void;
}

/** Mirrors each channel of [channel][x][y][z] along some axes, into a new array. */
export function mirror(values: Float32Array, channels: number, shape: Triple, axes: readonly number[]): Float32Array {
  const [sx, sy, sz] = shape;
  const [fx, fy, fz] = [axes.includes(0), axes.includes(1), axes.includes(2)];
  const out = new Float32Array(values.length);
  let to = 0;
  for (let c = 0; c < channels; c++) {
    for (let x = 0; x < sx; x++) {
      const plane = (c * sx + (fx ? sx - 1 - x : x)) * sy;
      for (let y = 0; y < sy; y++) {
        const row = (plane + (fy ? sy - 1 - y : y)) * sz;
        for (let z = 0; z < sz; z++) out[to++] = values[row + (fz ? sz - 1 - z : z)]!;
      }
    }
  }
  return out;
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

/**
 * A predictor over weights: either tensors, which stay the caller's, or a safetensors file's bytes in PyTorch's layout under
 * the reference's names (throws `bad-checkpoint` where they are not this network's). `patchSize`: the window.
 */
export function createPredictor(network: Network, patchSize: Triple, weights: Parameters | Uint8Array): Predictor {
  const own = weights instanceof Uint8Array ? loadParameters(network, decodeSafetensors(weights)) : null;
  const parameters = own ?? (weights as Parameters);
  const classes = network.outChannels;

  async function computeWindows(windows: Float32Array, count: number): Promise<Float32Array> {
    // Lets heartbeats and cancellation through between windows: the computation itself blocks.
    await setImmediate();
    // The tidy returns a tensor, never its values: it would look for tensors in them, one by one.
    const logits = tf.tidy(() => {
      const x = tf.tensor(windows, [count, ...patchSize, network.inChannels]) as Tensor5D;
      return network.forward(parameters, x, { training: false, seed: 0 })[0] as Tensor5D;
    });
    const values = logits.dataSync<'float32'>() as Float32Array;
    logits.dispose();
    return values;
  }

  async function pass(image: Float32Array, shape: Triple, inference: Plan['inference']): Promise<Float32Array> {
    const options = { ...inference, windowSize: patchSize, batch: inference.windowBatchSize };
    const logits = await slidingWindow(image, network.inChannels, shape, classes, options, computeWindows);
    return softmaxInPlace(logits, classes);
  }

  return {
    classes,
    async predict(image, channels, shape, inference, flips) {
      if (channels !== network.inChannels || image.length !== channels * shape[0] * shape[1] * shape[2]) {
        throw new RangeError(`an image of ${channels} channels and shape ${shape} does not fit this network`);
      }
      const sum = await pass(image, shape, inference);
      for (const axes of flips) {
        const mirrored = await pass(mirror(image, channels, shape, axes), shape, inference);
        const back = mirror(mirrored, classes, shape, axes);
        for (let i = 0; i < sum.length; i++) sum[i]! += back[i]!;
      }
      if (flips.length > 0) for (let i = 0; i < sum.length; i++) sum[i]! /= flips.length + 1;
      return sum;
    },
    dispose() {
      if (own !== null) disposeParameters(own);
    },
  };
}
