import { memoryTensors, type Tensor, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { linearWeights, resizeTrilinear } from '@voxhelm/nn/layers/resize-trilinear';
import { lossOf } from '@voxhelm/nn/losses/loss-of';
import { type Network, type Parameters, parameterCount } from '@voxhelm/nn/network';
import { disposeParameters, toParameters } from '@voxhelm/nn/weights';
import { describe, expect, test } from 'vitest';
import { dintsNetwork, EDGE_LOGITS, OPERATION_LOGITS } from './network.ts';

/*
 * Numbers of MONAI 1.6.1's DiNTS in float64, from ../../shared/reference/automl.md 2.3; the files dints-*.json are in tests/parity.
 */

const TINY = { in_channels: 1, num_classes: 3, num_blocks: 2, num_depths: 2, channel_mul: 0.25 };
const CODED = {
  ...TINY,
  arch_code_a: [
    [1, 1, 1, 0],
    [1, 0, 1, 1],
  ],
  arch_code_c: [
    [1, 0, 2, 0],
    [3, 0, 4, 1],
  ],
  node_a: [
    [1, 1],
    [1, 1],
    [1, 1],
  ],
};

/** Parameter p holds 0.05 sin(0.1 k + p); norm scales 1 more. */
function sineParameters(network: Network): Parameters {
  const numbers = new Map(network.specs.map(({ name }, p) => [name, p]));
  return toParameters(network, ({ name, shape, kind }) => {
    const length = shape.reduce((a, b) => a * b, 1);
    const offset = kind === 'scale' ? 1 : 0;
    return Float32Array.from({ length }, (_, k) => offset + 0.05 * Math.sin(0.1 * k + (numbers.get(name) as number)));
  });
}

function sineImage(): Tensor5D {
  return tf.tensor5d(
    Float32Array.from({ length: 16 ** 3 }, (_, i) => Math.sin(0.01 * i)),
    [1, 16, 16, 16, 1],
  );
}

function forward(network: Network, parameters: Parameters): Float32Array {
  const logits = tf.tidy(() => network.forward(parameters, sineImage(), { training: true, seed: null })[0] as Tensor5D);
  const values = logits.dataSync() as Float32Array;
  logits.dispose();
  return values;
}

describe('DiNTS', () => {
  test.each([
    [{ num_blocks: 6, num_depths: 3, channel_mul: 1 }, 74_126_915, 74_127_167],
    [{ num_blocks: 12, num_depths: 4, channel_mul: 0.5 }, 150_611_747, 150_612_467],
    [{ num_blocks: 2, num_depths: 2, channel_mul: 0.25 }, 363_507, 363_555],
    [{ num_blocks: 4, num_depths: 3, channel_mul: 0.25, use_downsample: false }, 774_147, 774_315],
  ])('%j has as many parameters as MONAI counts', (size, instance, search) => {
    const options = { in_channels: 1, num_classes: 3, ...size };
    expect(parameterCount(dintsNetwork(options))).toBe(instance);
    expect(parameterCount(dintsNetwork({ ...options, dints_space: 'TopologySearch' }))).toBe(search);
  });

  test.each([
    ['with codes', CODED, 343.45247349, 469.99316659, [0.03262836, 0.03116258, 0.03067926, 0.0303377]],
    ['with all operations', TINY, -454.19027797, 500.66235606, [-0.01700423, -0.01670157, -0.0155663, -0.01466663]],
  ])('%s computes what MONAI does', (_, options, sum, absolute, first) => {
    const network = dintsNetwork(options);
    const parameters = sineParameters(network);
    const values = forward(network, parameters);
    const total = (of: (value: number) => number) => values.reduce((all, value) => all + of(value), 0);
    expect(Math.abs(total((value) => value) - sum)).toBeLessThan(1e-2);
    expect(Math.abs(total(Math.abs) - absolute)).toBeLessThan(1e-2);
    first.forEach((expected, z) => expect(values[z * 3]).toBeCloseTo(expected, 5));
    disposeParameters(parameters);
  });

  test('with codes has the DiceFocal loss that MONAI has', () => {
    const network = dintsNetwork(CODED);
    const parameters = sineParameters(network);
    const options = { softmax: true, squared_pred: true, batch: true, smooth_nr: 1e-5, smooth_dr: 1e-5 };
    const loss = tf.tidy(() => {
      const logits = network.forward(parameters, sineImage(), { training: true, seed: null })[0] as Tensor5D;
      const classes = tf.tensor(
        Int32Array.from({ length: 16 ** 3 }, (_, i) => (i % 7) % 3),
        [1, 16, 16, 16],
        'int32',
      );
      return lossOf({ name: 'DiceFocalLoss', options })(logits, classes);
    });
    expect(loss.dataSync()[0]).toBeCloseTo(0.67970383, 5);
    loss.dispose();
    disposeParameters(parameters);
  });

  test('a supernet that is sure of its choice computes what the network of that choice does', () => {
    const before = memoryTensors();
    // Every edge, so that the choice is one of operations alone.
    const arch_code_a = [Array(4).fill(1), Array(4).fill(1)];
    const chosen = [
      [1, 0, 2, 3],
      [3, 4, 1, 0],
    ];
    const instance = dintsNetwork({ ...TINY, arch_code_a, arch_code_c: chosen });
    const search = dintsNetwork({ ...TINY, dints_space: 'TopologySearch' });
    const parameters = new Map(sineParameters(search));
    const own = new Map<string, Tensor>();
    for (const { name } of instance.specs) {
      const match = /^dints_space\.cell_tree\.\((\d), (\d)\)\.op\.ops\.0(.*)$/.exec(name);
      const [, block, edge, rest] = match ?? [];
      const operation = match === null ? 0 : chosen[Number(block)]?.[Number(edge)];
      const twin = match === null ? name : `dints_space.cell_tree.(${block}, ${edge}).op.ops.${operation}${rest}`;
      own.set(name, parameters.get(twin) as Tensor);
    }
    const sure = chosen.flat().flatMap((code) => Array.from({ length: 5 }, (_, i) => (i === code ? 60 : 0)));
    for (const [name, tensor] of [
      [OPERATION_LOGITS, tf.tensor(sure, [2, 4, 5])],
      [EDGE_LOGITS, tf.fill([2, 4], 60)],
    ] as const) {
      parameters.get(name)?.dispose();
      parameters.set(name, tensor);
    }
    const [ours, theirs] = [forward(search, parameters), forward(instance, own)];
    const most = theirs.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (ours[i] as number))), 0);
    expect(most).toBeLessThan(1e-4);
    disposeParameters(parameters);
    expect(memoryTensors()).toBe(before);
  });

  test('an architecture that does not connect, codes of another size and unknown options are refused by name', () => {
    const [first] = CODED.arch_code_a;
    const dangling = [first, [1, 0, 0, 0]]; // Writes only node 0, but node_a starts from node 1.
    expect(() => dintsNetwork({ ...CODED, arch_code_a: dangling })).toThrow(/arch_code_a.*\[1,0,0,0\]/);
    expect(() => dintsNetwork({ ...CODED, arch_code_c: [[1, 0]] })).toThrow(/arch_code_c/);
    expect(() => dintsNetwork({ ...TINY, arch_code_a: CODED.arch_code_a })).toThrow(/arch_code_c/);
    expect(() => dintsNetwork({ ...TINY, spatial_dims: 2 })).toThrow(/spatial_dims/);
    expect(() => dintsNetwork({ ...TINY, norm_name: 'BATCH' })).toThrow(/norm_name/);
    expect(() => dintsNetwork({ ...TINY, norm_name: 'INSTANCE', norm: 'INSTANCE' })).toThrow(/norm/);
    expect(() => dintsNetwork({ ...TINY, cell: 'Cell' })).toThrow(/cell/);
  });
});

describe('trilinear resizing', () => {
  test('interpolates linearly with and without aligned corners', () => {
    expect([...linearWeights(2, 4, true)].map((w) => Number(w.toFixed(4)))).toEqual([
      1, 0, 0.6667, 0.3333, 0.3333, 0.6667, 0, 1,
    ]);
    expect([...linearWeights(2, 4, false)]).toEqual([1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1]);
    expect([...linearWeights(4, 1, true)]).toEqual([1, 0, 0, 0]);
  });

  test('a linear ramp along each axis stays one, on any grid', () => {
    const ramp = tf.tensor5d(
      Float32Array.from({ length: 4 * 3 * 5 }, (_, i) => Math.floor(i / 15) + 10 * (Math.floor(i / 5) % 3) + (i % 5)),
      [1, 4, 3, 5, 1],
    );
    const resized = tf.tidy(() => resizeTrilinear(ramp, [7, 6, 3], true));
    const values = resized.dataSync();
    let worst = 0;
    for (let x = 0; x < 7; x++)
      for (let y = 0; y < 6; y++)
        for (let z = 0; z < 3; z++) {
          const expected = x * (3 / 6) + 10 * y * (2 / 5) + z * (4 / 2);
          worst = Math.max(worst, Math.abs((values[(x * 6 + y) * 3 + z] as number) - expected));
        }
    expect(worst).toBeLessThan(1e-5);
    tf.dispose([ramp, resized]);
  });
});
