import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { networkOf } from '@voxhelm/algorithms/networks';
import { exportWeights, importWeights, readStateDict } from '@voxhelm/nn/checkpoint-files/state-dict';
import { memoryTensors, type Tensor5D, tf } from '@voxhelm/nn/engine';
import type { Network, Parameters } from '@voxhelm/nn/network';
import { decodeSafetensors, disposeParameters } from '@voxhelm/nn/weights';
import { describe, expect, test } from 'vitest';
import { channelsFirst, channelsLast, sizeOf } from './formula.ts';

/*
 * Checkpoints that the originals wrote (checkpoints/make.py) load into ours, compute the same, and go back. Between them:
 * float32 and float16, int64 buffers, overlapping storages, MONAI's "state_dict" behind wrappers' prefixes, a bare state dict,
 * and nnU-Net's checkpoint_final.pth, whose kernels lie along z, y, x, or along y, z, x where y is the slice axis.
 */

interface Expected {
  class: string;
  options: Record<string, unknown>;
  input: number[];
  output: number[];
  std: number;
  index: number[];
  value: number[];
}

async function load(name: string): Promise<{ bytes: Uint8Array; expected: Expected; network: Network }> {
  const folder = join(import.meta.dirname, 'checkpoints');
  const bytes = new Uint8Array(await readFile(join(folder, `${name}.pt`)));
  const expected = JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')) as Expected;
  return { bytes, expected, network: networkOf(expected) };
}

function forward(network: Network, parameters: Parameters, shape: number[]): Float32Array {
  const [batch = 1, channels = 1, ...space] = shape;
  const input = Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(0.37 * i));
  const logits = tf.tidy(() => {
    const x = tf.tensor(channelsLast(input, shape), [
      batch,
      ...(space as [number, number, number]),
      channels,
    ]) as Tensor5D;
    return network.forward(parameters, x, { training: false, seed: null })[0] as Tensor5D;
  });
  const [b, x, y, z, c] = logits.shape;
  const values = channelsFirst(logits.dataSync<'float32'>() as Float32Array, [b, c, x, y, z]);
  logits.dispose();
  return values;
}

function bytesOf(data: NodeJS.TypedArray | undefined): Buffer {
  return data === undefined ? Buffer.alloc(0) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

describe.each(['segresnet', 'swinunetr', 'dints', 'unet-plain', 'unet-transposed', 'unet-residual'])(
  'the checkpoint of %s',
  (name) => {
    test('computes what the original computes, and comes back with every name of its state dict', async () => {
      const before = memoryTensors();
      const { bytes, expected, network } = await load(name);
      const parameters = importWeights(network, bytes);
      const values = forward(network, parameters, expected.input);
      expect(values).toHaveLength(sizeOf(expected.output));
      const worst = Math.max(...expected.index.map((at, i) => Math.abs((values[at] ?? 0) - (expected.value[i] ?? 0))));
      expect(worst / expected.std).toBeLessThan(1e-4);

      const exported = exportWeights(network, parameters);
      const theirs = readStateDict(bytes).tensors;
      const ours = decodeSafetensors(exported).tensors;
      expect(new Set(ours.keys())).toEqual(new Set(theirs.keys()));
      for (const [key, { data, shape }] of theirs) {
        expect(ours.get(key)?.shape, key).toEqual(shape);
        // Not toEqual: it walks millions of values one by one.
        expect(Buffer.compare(bytesOf(ours.get(key)?.data), bytesOf(data)), key).toBe(0);
      }
      const again = importWeights(network, exported);
      expect(Buffer.compare(bytesOf(forward(network, again, expected.input)), bytesOf(values))).toBe(0);
      for (const each of [parameters, again]) disposeParameters(each);
      expect(memoryTensors()).toBe(before);
    });
  },
);

test('weights of another network, or of other options, are refused by name', async () => {
  const { bytes, expected } = await load('unet-plain');
  const other = networkOf({ class: 'PlainConvUNet', options: { ...expected.options, n_conv_per_stage: [2, 2, 3] } });
  expect(() => importWeights(other, bytes)).toThrow(/encoder\.stages\.2\.0\.convs\.2/);
  const fewer = networkOf({ class: 'PlainConvUNet', options: { ...expected.options, n_conv_per_stage: [2, 2, 1] } });
  expect(() => importWeights(fewer, bytes)).toThrow(/tensors that PlainConvUNet of these options has not/);
});
