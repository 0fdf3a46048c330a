import { FLOAT, INT32, type Shape } from '../data-types.ts';
import {
  boolOf,
  constantInput,
  define,
  each,
  input,
  intOf,
  type OpCall,
  type OpDefinition,
  type OpTable,
  typeOf,
} from './definition.ts';

/*
 * Ops that move, repeat, cut or join elements.
 */

function axisOf(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

function without(shape: Shape, axis: number): Shape {
  return shape.filter((_, i) => i !== axis);
}

function replaced(shape: Shape, axis: number, size: number): Shape {
  return shape.map((n, i) => (i === axis ? size : n));
}

function reshape(call: OpCall): Shape {
  const { shape } = input(call, 0);
  const wanted = constantInput(call, 1);
  const known = wanted.reduce((product, n) => (n < 0 ? product : product * n), 1);
  const size = shape.reduce((product, n) => product * n, 1);
  return wanted.map((n) => (n < 0 ? size / known : n));
}

function pad(call: OpCall): Shape {
  const paddings = constantInput(call, 1);
  return input(call, 0).shape.map((n, axis) => n + (paddings[2 * axis] as number) + (paddings[2 * axis + 1] as number));
}

function slice(call: OpCall): Shape {
  const begin = constantInput(call, 1);
  return constantInput(call, 2).map((n, axis) =>
    n < 0 ? (input(call, 0).shape[axis] as number) - (begin[axis] as number) : n,
  );
}

function stridedSlice(call: OpCall): Shape {
  const [begin, end, strides] = [1, 2, 3].map((i) => constantInput(call, i)) as [number[], number[], number[]];
  if (intOf(call, 'ellipsis_mask', 0) !== 0 || intOf(call, 'new_axis_mask', 0) !== 0) {
    throw new Error('StridedSlice with an ellipsis or a new axis has no shape function');
  }
  const bit = (mask: string, axis: number): boolean => ((intOf(call, mask, 0) >> axis) & 1) === 1;
  return input(call, 0).shape.flatMap((size, axis) => {
    if (axis >= begin.length) return [size];
    if (bit('shrink_axis_mask', axis)) return [];
    const stride = strides[axis] as number;
    const clip = (at: number, low: number, high: number): number =>
      Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const [low, high] = stride > 0 ? [0, size] : [-1, size - 1];
    const from = bit('begin_mask', axis) ? (stride > 0 ? low : high) : clip(begin[axis] as number, low, high);
    const to = bit('end_mask', axis) ? (stride > 0 ? high : low) : clip(end[axis] as number, low, high);
    return [Math.max(0, Math.ceil((to - from) / stride))];
  });
}

function concat(call: OpCall): Shape {
  const parts = call.inputs.slice(0, -1).map(({ shape }) => shape);
  const first = parts[0] as Shape;
  const axis = axisOf(constantInput(call, -1)[0] as number, first.length);
  return replaced(
    first,
    axis,
    parts.reduce((sum, shape) => sum + (shape[axis] as number), 0),
  );
}

function pack(call: OpCall): Shape {
  const { shape } = input(call, 0);
  const axis = axisOf(intOf(call, 'axis', 0), shape.length + 1);
  return [...shape.slice(0, axis), call.inputs.length, ...shape.slice(axis)];
}

function gather(call: OpCall): Shape {
  const { shape } = input(call, 0);
  const indices = input(call, 1).shape;
  const axis = axisOf(constantInput(call, 2)[0] as number, shape.length);
  return [...shape.slice(0, axis), ...indices.slice(intOf(call, 'batch_dims', 0)), ...shape.slice(axis + 1)];
}

/** Several outputs of the first input's type. */
function parts(types: OpDefinition['types'], shapes: (call: OpCall) => readonly Shape[]): OpDefinition {
  return {
    precision: 'follow',
    types,
    shapes,
    outputTypes: (call) => Array.from({ length: call.outputs }, () => input(call, types['T'] ?? 0).type),
  };
}

/** Moving ops. */
export const MOVING: OpTable = {
  Reshape: define('follow', reshape, { types: { T: 0, Tshape: 1 } }),
  Transpose: define('follow', (call) => constantInput(call, 1).map((axis) => input(call, 0).shape[axis] as number), {
    types: { T: 0, Tperm: 1 },
  }),
  ExpandDims: define(
    'follow',
    (call) => {
      const { shape } = input(call, 0);
      const axis = axisOf(constantInput(call, 1)[0] as number, shape.length + 1);
      return [...shape.slice(0, axis), 1, ...shape.slice(axis)];
    },
    { types: { T: 0, Tdim: 1 } },
  ),
  Tile: define(
    'follow',
    (call) => constantInput(call, 1).map((n, axis) => n * (input(call, 0).shape[axis] as number)),
    {
      types: { T: 0, Tmultiples: 1 },
    },
  ),
  BroadcastTo: define('follow', (call) => constantInput(call, 1), { types: { T: 0, Tidx: 1 } }),
  ReverseV2: define('follow', (call) => input(call, 0).shape, { types: { T: 0, Tidx: 1 } }),
  ...each('Pad PadV2 MirrorPad', define('follow', pad, { types: { T: 0, Tpaddings: 1 } })),
  Slice: define('follow', slice, { types: { T: 0, Index: 1 } }),
  StridedSlice: define('follow', stridedSlice, { types: { T: 0, Index: 1 } }),
  ConcatV2: define('follow', concat, { types: { T: 0, Tidx: -1 } }),
  Pack: define('follow', pack),
  Unpack: parts({ T: 0 }, (call) => {
    const { shape } = input(call, 0);
    return Array.from({ length: call.outputs }, () => without(shape, axisOf(intOf(call, 'axis', 0), shape.length)));
  }),
  SplitV: parts({ T: 0, Tlen: 1 }, (call) => {
    const { shape } = input(call, 0);
    const axis = axisOf(constantInput(call, 2)[0] as number, shape.length);
    return constantInput(call, 1).map((size) => replaced(shape, axis, size));
  }),
  Split: parts({ T: 1 }, (call) => {
    const { shape } = input(call, 1);
    const axis = axisOf(constantInput(call, 0)[0] as number, shape.length);
    return Array.from({ length: call.outputs }, () => replaced(shape, axis, (shape[axis] as number) / call.outputs));
  }),
  GatherV2: define('follow', gather, { types: { Tparams: 0, Tindices: 1, Taxis: 2 } }),
  GatherNd: define(
    'follow',
    (call) => {
      const indices = input(call, 1).shape;
      return [...indices.slice(0, -1), ...input(call, 0).shape.slice(indices.at(-1))];
    },
    { types: { Tparams: 0, Tindices: 1 } },
  ),
  ScatterNd: define('follow', (call) => constantInput(call, 2), {
    types: { T: 1, Tindices: 0 },
    output: (call) => input(call, 1).type,
  }),
  OneHot: define(
    'follow',
    (call) => {
      const { shape } = input(call, 0);
      const axis = intOf(call, 'axis', -1);
      const at = axis < 0 ? shape.length : axis;
      return [...shape.slice(0, at), constantInput(call, 1)[0] as number, ...shape.slice(at)];
    },
    { types: { T: 2, TI: 0 } },
  ),
  Fill: define('follow', (call) => constantInput(call, 0), { types: { T: 1, index_type: 0 } }),
  Range: define(
    'follow',
    (call) => {
      const [start, limit, delta] = [0, 1, 2].map((i) => constantInput(call, i)[0]) as [number, number, number];
      return [Math.max(0, Math.ceil((limit - start) / delta))];
    },
    { types: { Tidx: 0 } },
  ),
  LinSpace: define('full', (call) => constantInput(call, 2), { types: { T: 0, Tidx: 2 } }),
  // Random numbers from a seed that is fed, so that no state is kept.
  ...each(
    'StatelessRandomUniform StatelessRandomNormal StatelessTruncatedNormal',
    define('full', (call) => constantInput(call, 0), {
      types: { T: 0, Tseed: 1 },
      output: (call) => typeOf(call, 'dtype', FLOAT),
    }),
  ),
  StatelessRandomUniformInt: define('full', (call) => constantInput(call, 0), {
    types: { T: 0, Tseed: 1 },
    output: (call) => typeOf(call, 'dtype', INT32),
  }),
  ...each(
    'Cumsum Cumprod',
    define('full', (call) => input(call, 0).shape, { types: { T: 0, Tidx: 1 } }),
  ),
  TopKV2: {
    precision: 'follow',
    types: { T: 0 },
    shapes: (call) => {
      const { shape } = input(call, 0);
      const top = replaced(shape, shape.length - 1, constantInput(call, 1)[0] as number);
      return [top, top];
    },
    outputTypes: (call) => [input(call, 0).type, INT32],
  },
};

/** Kept beside the table because only reductions need it as well. */
export function reducedShape(call: OpCall, axes: readonly number[]): Shape {
  const { shape } = input(call, 0);
  const gone = new Set(axes.map((axis) => axisOf(axis, shape.length)));
  const keep = boolOf(call, 'keep_dims', false);
  return shape.flatMap((n, axis) => (gone.has(axis) ? (keep ? [1] : []) : [n]));
}
