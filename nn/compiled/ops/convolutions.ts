import type { Shape } from '../data-types.ts';
import {
  boolOf,
  broadcast,
  constantInput,
  define,
  each,
  input,
  intsOf,
  type OpCall,
  type OpTable,
  same,
  textOf,
} from './definition.ts';

/*
 * Convolutions, matrix products and pooling, channels last.
 */

/** Positions of a window along an axis (TensorFlow's rule for SAME and VALID). */
function positions(size: number, window: number, stride: number, padding: string): number {
  return padding === 'SAME' ? Math.ceil(size / stride) : Math.floor((size - window) / stride) + 1;
}

function windows(call: OpCall, x: Shape, window: Shape, channels: number): Shape {
  const strides = intsOf(call, 'strides');
  const padding = textOf(call, 'padding', 'VALID');
  const dilations = 'dilations' in call.attributes ? intsOf(call, 'dilations') : x.map(() => 1);
  const spatial = x.slice(1, -1).map((size, i) => {
    const extent = ((window[i] as number) - 1) * (dilations[i + 1] as number) + 1;
    return positions(size, extent, strides[i + 1] as number, padding);
  });
  return [x[0] as number, ...spatial, channels];
}

function convolution(call: OpCall): Shape {
  const filter = input(call, 1).shape;
  return windows(call, input(call, 0).shape, filter.slice(0, -2), filter.at(-1) as number);
}

function pooling(call: OpCall): Shape {
  const x = input(call, 0).shape;
  return windows(call, x, intsOf(call, 'ksize').slice(1, -1), x.at(-1) as number);
}

function product(call: OpCall): Shape {
  const [a, b] = [input(call, 0).shape, input(call, 1).shape];
  const rows = a.at(boolOf(call, 'adj_x', false) ? -1 : -2) as number;
  const columns = b.at(boolOf(call, 'adj_y', false) ? -2 : -1) as number;
  return [...broadcast([a.slice(0, -2), b.slice(0, -2)]), rows, columns];
}

function matrixProduct(call: OpCall): Shape {
  const [a, b] = [input(call, 0).shape, input(call, 1).shape];
  const rows = a[boolOf(call, 'transpose_a', false) ? 1 : 0] as number;
  return [rows, b[boolOf(call, 'transpose_b', false) ? 0 : 1] as number];
}

/** Output of an Einstein summation, whose sizes its inputs' letters tell. */
function einsum(call: OpCall): Shape {
  const [left, right] = textOf(call, 'equation', '').split('->') as [string, string];
  const sizes = new Map<string, number>();
  left.split(',').forEach((letters, i) => {
    [...letters].forEach((letter, axis) => sizes.set(letter, input(call, i).shape[axis] as number));
  });
  return [...right].map((letter) => sizes.get(letter) as number);
}

/** Convolutions, products and pooling. */
export const CONVOLUTIONS: OpTable = {
  ...each('Conv3D Conv2D', define('low', convolution)),
  Conv3DBackpropInputV2: define('low', (call) => constantInput(call, 0), { types: { T: 1, Tshape: 0 } }),
  ...each(
    'Conv2DBackpropInput',
    define('low', (call) => constantInput(call, 0), { types: { T: 1 } }),
  ),
  ...each(
    'Conv3DBackpropFilterV2 Conv2DBackpropFilter',
    define('low', (call) => constantInput(call, 1)),
  ),
  ...each('BatchMatMulV2 BatchMatMul', define('low', product)),
  MatMul: define('low', matrixProduct),
  Einsum: define('low', einsum),
  ...each('MaxPool3D MaxPool AvgPool3D AvgPool', define('follow', pooling)),
  MaxPool3DGrad: define('follow', same(), { types: { T: 0, TInput: 0 } }),
  MaxPoolGrad: define('follow', same()),
  ...each(
    'AvgPool3DGrad AvgPoolGrad',
    define('follow', (call) => constantInput(call, 0), { types: { T: 1 } }),
  ),
};
