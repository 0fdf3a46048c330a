import { memoryTensors, type Tensor, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { valueAndGradients } from '@voxhelm/nn/gradients';
import type { ParameterSpec, Parameters } from '@voxhelm/nn/network';
import { toTfjsLayout, toTorchLayout } from '@voxhelm/nn/weights';
import { describe, expect, test } from 'vitest';
import { networkOf } from '../networks.ts';
import { swinStage } from './network.ts';
import { readSwinUnetrOptions } from './network-options.ts';

/*
 * One stage alone, at weights for which attention, masks and bias tables matter: with the small weights of the whole
 * network's reference, leaving out the mask hardly moves the output. Numbers: automl.md 2.2 (MONAI, double precision).
 */

const SMALL = { in_channels: 1, out_channels: 3, feature_size: 12 };
const STAGE = 'swinViT.layers1.0.';

function stageParameters(): { parameters: Parameters; specs: ParameterSpec[] } {
  const specs = networkOf({ class: 'SwinUNETR', options: SMALL }).specs.filter(({ name }) => name.startsWith(STAGE));
  const order = [...specs.filter(({ name }) => name.includes('.blocks.')), ...specs.slice(-3)];
  const parameters = new Map(
    order.map((spec, p) => {
      const length = spec.shape.reduce((product, n) => product * n, 1);
      const shift = spec.kind === 'scale' ? 1 : 0;
      const values = Float32Array.from({ length }, (_, k) => shift + 0.5 * Math.sin(1.3 * k + p));
      return [spec.name, toTfjsLayout(spec, values)] as const;
    }),
  );
  return { parameters, specs: order };
}

/** Channels-first sin(0.37 i) as [1, x, y, z, 12]. */
function input(shape: readonly [number, number, number]): Tensor5D {
  const length = 12 * shape.reduce((product, n) => product * n, 1);
  const values = Float32Array.from({ length }, (_, i) => Math.sin(0.37 * i));
  return tf.transpose(tf.reshape(tf.tensor1d(values), [1, 12, ...shape]), [0, 2, 3, 4, 1]);
}

function runStage(
  parameters: Parameters,
  shape: readonly [number, number, number],
  merging: 'merging' | 'mergingv2' | null,
): Tensor {
  const options = readSwinUnetrOptions({ ...SMALL, downsample: merging ?? 'merging' });
  const stage = options.stages[0] as (typeof options.stages)[number];
  return swinStage(parameters, input(shape), stage, options, { training: true, seed: null }, merging !== null);
}

describe('one stage of the transformer', () => {
  test.each([
    ['windows of 7 in 9^3', [9, 9, 9], null, 3477.84303913, 43527.55358596, 3.12953858],
    ['windows that shrink to 4^3', [4, 4, 4], null, 263.60713591, 3665.84093783, 2.84499005],
    ['windows of 4 x 7 x 7, shifted on two axes', [4, 9, 14], null, 2288.95653193, 29863.53906634, 2.90992367],
    ['merging', [9, 9, 9], 'merging', -2104.72879405, 21063.10064354, -4.5435137],
    ['merging v2', [9, 9, 9], 'mergingv2', -2002.64818562, 20177.65343834, -4.52458538],
  ] as const)('%s as MONAI', (_, shape, merging, sum, absolute, first) => {
    const before = memoryTensors();
    const { parameters } = stageParameters();
    const values = tf.tidy(() => tf.transpose(runStage(parameters, shape, merging), [0, 4, 1, 2, 3]));
    const data = values.dataSync<'float32'>() as Float32Array;
    expect(data.reduce((total, value) => total + value, 0) / sum).toBeCloseTo(1, 4);
    expect(data.reduce((total, value) => total + Math.abs(value), 0) / absolute).toBeCloseTo(1, 5);
    expect(data[0]).toBeCloseTo(first, 3);
    tf.dispose([values, ...parameters.values()]);
    expect(memoryTensors()).toBe(before);
  });

  test('gradients by bias tables and products as MONAI', () => {
    const { parameters, specs } = stageParameters();
    const { value, gradients } = valueAndGradients(
      (...tensors) => {
        const current = new Map(specs.map(({ name }, i) => [name, tensors[i] as Tensor]));
        return tf.sum(tf.square(runStage(current, [9, 9, 9], null)));
      },
      [...parameters.values()],
    );
    const expected: readonly (readonly [string, number, number])[] = [
      ['blocks.0.attn.relative_position_bias_table', 65.10884845, 0.02190495],
      ['blocks.1.attn.relative_position_bias_table', 158.7223275, 0.04338487],
      ['blocks.1.attn.qkv.weight', 93669.05818247, -465.68728465],
      ['blocks.1.attn.proj.bias', 28701.03557197, 5798.19050549],
      ['blocks.0.norm1.weight', 5926.15865985, 545.36875337],
      ['blocks.0.mlp.linear1.weight', 417185.23502979, -4920.30787237],
    ];
    for (const [name, norm, first] of expected) {
      const at = specs.findIndex((spec) => spec.name === STAGE + name);
      const values = toTorchLayout(specs[at] as ParameterSpec, gradients[at] as Tensor);
      expect(Math.hypot(...values) / norm, name).toBeCloseTo(1, 3);
      expect((values[0] as number) / first, name).toBeCloseTo(1, 2);
    }
    tf.dispose([value, ...gradients, ...parameters.values()]);
  });
});

describe('options', () => {
  const swin = (changes: Record<string, unknown> = {}) =>
    networkOf({ class: 'SwinUNETR', options: { ...SMALL, ...changes } });

  test('parameters as many as in MONAI', () => {
    const count = (changes: Record<string, unknown>) =>
      swin(changes).specs.reduce((total, { shape }) => total + shape.reduce((product, n) => product * n, 1), 0);
    expect(count({})).toBe(4_078_077);
    expect(count({ use_v2: true })).toBe(4_739_037);
    expect(count({ feature_size: 48 })).toBe(62_186_757);
    expect(count({ feature_size: 48, in_channels: 4, out_channels: 4 })).toBe(62_191_990);
  });

  test.each([
    ['colour', 1],
    ['feature_size', 16],
    ['patch_size', 4],
    ['depths', [2, 2, 2]],
    ['num_heads', [5, 6, 12, 24]],
    ['norm_name', 'batch'],
    ['use_hyena', true],
    ['downsample', 'pooling'],
    ['window_size', [7, 7]],
    ['drop_rate', 0.1],
    ['spatial_dims', 2],
  ])('refuses %s = %j by its name', (option, value) => {
    expect(() => swin({ [option]: value })).toThrow(new RegExp(option));
  });
});
