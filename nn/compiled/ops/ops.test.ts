import { afterAll, expect, test } from 'vitest';
import { type Tensor, tf } from '../../engine.ts';
import { type Attribute, rawOp, rawOp1 } from '../../raw-op.ts';
import { FLOAT, INT32 } from '../data-types.ts';
import { Graph } from '../graph.ts';
import { openSession } from '../session.ts';
import { trace } from '../tracer.ts';
import { OPS } from './table.ts';

/*
 * Every op of the table, compiled, against the same op eagerly. TensorFlow's loader refuses a graph whose output shapes are not
 * those that its own shape functions find, so each use checks a shape function as well.
 */

type Compute = (...inputs: Tensor[]) => Tensor[];

const seen = new Set<string>();

/** Runs a function compiled. Inputs are fed. */
function compiled(compute: Compute, inputs: readonly Tensor[]): { shape: readonly number[]; values: number[] }[] {
  const graph = new Graph();
  const fed = inputs.map(({ dtype, shape }, i) => graph.placeholder(`x${i}`, dtype === 'int32' ? INT32 : FLOAT, shape));
  const outputs = trace(graph, 'float32', (scope) => compute(...fed.map((value) => scope.tensor(value))));
  for (const op of graph.ops) seen.add(op);
  const session = openSession(graph);
  const feeds = inputs.map((tensor) => tensor.dataSync() as Float32Array);
  const results = session.run({ inputs: fed, outputs }, feeds);
  session.dispose();
  return results.map((values, i) => ({ shape: outputs[i]?.shape ?? [], values: [...values] }));
}

function compare(compute: Compute, inputs: readonly Tensor[]): void {
  const eager = tf.tidy(() => compute(...inputs).map((tensor) => tf.keep(tensor)));
  const traced = compiled(compute, inputs);
  expect(traced).toHaveLength(eager.length);
  eager.forEach((tensor, i) => {
    const expected = [...tensor.dataSync()];
    const { shape, values } = traced[i] as { shape: readonly number[]; values: number[] };
    expect(shape).toEqual(tensor.shape);
    const largest = Math.max(1e-30, ...expected.map((value) => Math.abs(value)));
    values.forEach((value, at) => expect(Math.abs(value - (expected[at] as number)) / largest).toBeLessThan(1e-5));
    tensor.dispose();
  });
  tf.dispose([...inputs]);
}

const T = { T: { dtype: 'float32' } } as const;
const INDEX = { dtype: 'int32' } as const;

function values(shape: readonly number[], seed = 1, low = -2, high = 2): Tensor {
  return tf.randomUniform([...shape], low, high, 'float32', seed);
}
const ints = (list: readonly number[], shape = [list.length]): Tensor => tf.tensor([...list], shape, 'int32');

/** A function's outputs beside its gradients by every input, weighted so that no symmetry hides a fault. */
function withGradients(compute: (...inputs: Tensor[]) => Tensor): Compute {
  return (...inputs) => {
    const weighted = (...xs: Tensor[]) => {
      const y = compute(...xs);
      return tf.sum(tf.mul(y, tf.cos(tf.reshape(tf.range(0, y.size), y.shape)))) as never;
    };
    const { value, grads } = tf.valueAndGrads(weighted)(inputs);
    return [compute(...inputs), value, ...grads];
  };
}

const UNARY =
  `Abs Neg Sign Square Relu Relu6 LeakyRelu Elu Selu Tanh Sigmoid Floor Ceil Round Rint Reciprocal Identity StopGradient
  PreventGradient ZerosLike OnesLike Exp Expm1 Sqrt Rsqrt Log Log1p Softplus Softsign Erf Erfc Sin Cos Tan Asin Acos Atan Sinh Cosh
  Asinh Acosh Atanh Lgamma Digamma Softmax LogSoftmax IsNan IsInf IsFinite`.split(/\s+/);
/** Where an op is defined on a part of the numbers only. */
const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  Sqrt: [0.1, 3],
  Rsqrt: [0.1, 3],
  Log: [0.1, 3],
  Log1p: [-0.5, 3],
  Asin: [-0.9, 0.9],
  Acos: [-0.9, 0.9],
  Acosh: [1.1, 3],
  Atanh: [-0.9, 0.9],
  Lgamma: [0.5, 3],
  Digamma: [0.5, 3],
  Reciprocal: [0.5, 3],
};

test.each(UNARY)('%s', (op) => {
  const [low, high] = RANGES[op] ?? [-2, 2];
  compare((x) => [rawOp1(op, T, [x as Tensor])], [values([3, 5], 1, low, high)]);
});

const BINARY =
  `Add AddV2 Sub Mul Maximum Minimum Div RealDiv DivNoNan Pow SquaredDifference FloorDiv FloorMod Mod Atan2 Equal
  NotEqual Less LessEqual Greater GreaterEqual`.split(/\s+/);

test.each(BINARY)('%s, one stretched to the other', (op) => {
  compare(
    (x, y) => [rawOp1(op, T, [x as Tensor, y as Tensor])],
    [values([2, 3, 4], 1, 0.5, 2), values([3, 1], 2, 0.5, 2)],
  );
});

test.each(
  'ReluGrad Relu6Grad LeakyReluGrad EluGrad SeluGrad SigmoidGrad TanhGrad SoftplusGrad SqrtGrad RsqrtGrad ReciprocalGrad'.split(
    ' ',
  ),
)('%s', (op) => {
  compare(
    (x, y) => [rawOp1(op, T, [x as Tensor, y as Tensor])],
    [values([3, 4], 1, 0.2, 2), values([3, 4], 2, 0.2, 2)],
  );
});

const image = () => values([2, 6, 5, 4, 3]);

/** Everything else: [what, function, inputs]. */
const CASES: readonly (readonly [string, Compute, () => Tensor[]])[] = [
  [
    'logic',
    (x) => {
      const [a, b] = [tf.greater(x as Tensor, 0), tf.less(x as Tensor, 1)];
      return [tf.logicalAnd(a, b), tf.logicalOr(a, b), tf.logicalNot(a), tf.all(a, 1), tf.any(b, 0)].map((t) =>
        tf.cast(t, 'float32'),
      );
    },
    () => [values([4, 5])],
  ],
  [
    'choosing',
    withGradients((x, y) =>
      tf.where(tf.greater(tf.cos(tf.reshape(tf.range(0, 20), [4, 5])), 0), x as Tensor, y as Tensor),
    ),
    () => [values([4, 5]), values([4, 5], 3)],
  ],
  [
    'SelectV2',
    (x, y) => [rawOp1('SelectV2', T, [tf.greater(x as Tensor, 0), x as Tensor, y as Tensor])],
    () => [values([4, 5]), values([5], 3)],
  ],
  [
    'sums of many',
    withGradients((x, y) => tf.addN([x as Tensor, y as Tensor, x as Tensor])),
    () => [values([4, 5]), values([4, 5], 3)],
  ],
  [
    'casts',
    (x) => [tf.cast(x as Tensor, 'int32'), tf.cast(tf.cast(x as Tensor, 'bool'), 'float32')],
    () => [values([9])],
  ],
  [
    'reductions',
    (x) => {
      const t = x as Tensor;
      return [
        tf.sum(t, [0, 2]),
        tf.mean(t, 1, true),
        tf.prod(t, -1),
        tf.max(t, 1),
        tf.min(t),
        tf.argMax(t, 1),
        tf.argMin(t, -1),
        tf.cumsum(t, 1),
        tf.cumprod(t, 0),
      ];
    },
    () => [values([2, 3, 4])],
  ],
  [
    'gradients of sums and means',
    withGradients((x) => tf.add(tf.sum(x as Tensor, 1), tf.mean(tf.square(x as Tensor), 1))),
    () => [values([3, 4])],
  ],
  ['L2Loss', (x) => [rawOp1('L2Loss', T, [x as Tensor])], () => [values([3, 4])]],
  ['moments', withGradients((x) => tf.moments(x as Tensor, [1, 2], true).variance), () => [values([2, 3, 4])]],
  ['softmax', withGradients((x) => tf.softmax(x as Tensor)), () => [values([6, 4])]],
  [
    'SoftmaxCrossEntropyWithLogits',
    (x, t) => rawOp('SoftmaxCrossEntropyWithLogits', T, [x as Tensor, tf.softmax(t as Tensor)], 2),
    () => [values([6, 4]), values([6, 4], 2)],
  ],
  [
    'SparseSoftmaxCrossEntropyWithLogits',
    (x, t) => rawOp('SparseSoftmaxCrossEntropyWithLogits', { ...T, Tlabels: INDEX }, [x as Tensor, t as Tensor], 2),
    () => [values([3, 4]), ints([0, 3, 1])],
  ],
  [
    'transposing 8 axes',
    withGradients((x) => tf.transpose(x as Tensor, [0, 2, 4, 6, 1, 3, 5, 7])),
    () => [values([2, 1, 2, 3, 2, 1, 2, 2])],
  ],
  ['reshaping', withGradients((x) => tf.reshape(tf.expandDims(x as Tensor, 1), [-1, 6])), () => [values([3, 4])]],
  [
    'Reshape to an unknown size, ExpandDims, Tile, BroadcastTo',
    (x) => [
      rawOp1('Reshape', { ...T, Tshape: INDEX }, [x as Tensor, tf.tensor1d([-1, 6], 'int32')]),
      rawOp1('ExpandDims', { ...T, Tdim: INDEX }, [x as Tensor, tf.scalar(-1, 'int32')]),
      tf.tile(x as Tensor, [2, 3]),
      rawOp1('BroadcastTo', { ...T, Tidx: INDEX }, [x as Tensor, tf.tensor1d([2, 3, 4], 'int32')]),
    ],
    () => [values([3, 4])],
  ],
  [
    'padding',
    withGradients((x) =>
      tf.pad(
        x as Tensor,
        [
          [1, 2],
          [0, 3],
        ],
        0.5,
      ),
    ),
    () => [values([3, 4])],
  ],
  [
    'mirrored and plain padding, reversing',
    (x) => [
      tf.mirrorPad(
        x as Tensor,
        [
          [1, 1],
          [0, 2],
        ],
        'reflect',
      ),
      rawOp1('Pad', { ...T, Tpaddings: INDEX }, [
        x as Tensor,
        tf.tensor2d(
          [
            [1, 0],
            [0, 2],
          ],
          [2, 2],
          'int32',
        ),
      ]),
      tf.reverse(x as Tensor, 1),
    ],
    () => [values([3, 4])],
  ],
  ['slices', withGradients((x) => tf.slice(x as Tensor, [1, 0, 2], [1, -1, 2])), () => [values([3, 4, 5])]],
  [
    'strided slices',
    (x) => [
      tf.stridedSlice(x as Tensor, [0, 1], [3, 4], [1, 2]),
      tf.stridedSlice(x as Tensor, [2, 3], [-4, -5], [-1, -2], 3, 3),
      tf.stridedSlice(x as Tensor, [1, 1], [2, 3], [1, 1], 0, 0, 0, 0, 1),
    ],
    () => [values([3, 4, 5])],
  ],
  [
    'joining',
    withGradients((x, y) => tf.concat([x as Tensor, y as Tensor, x as Tensor], 1)),
    () => [values([3, 4]), values([3, 2], 2)],
  ],
  [
    'stacking',
    withGradients((x, y) => tf.stack([x as Tensor, y as Tensor], 1)),
    () => [values([3, 4]), values([3, 4], 2)],
  ],
  [
    'cutting apart',
    (x) => [
      ...tf.unstack(x as Tensor, 1),
      ...tf.split(x as Tensor, [1, 3], 1),
      ...rawOp('Split', { ...T, num_split: { int: 2 } }, [tf.scalar(1, 'int32'), x as Tensor], 2),
    ],
    () => [values([3, 4])],
  ],
  [
    'gathering by constants',
    withGradients((x) => tf.gather(x as Tensor, tf.tensor1d([2, 0, 2], 'int32'), 1)),
    () => [values([3, 4])],
  ],
  [
    'gathering by fed indices',
    (x, i) => [tf.gather(x as Tensor, i as Tensor, 0), tf.gatherND(x as Tensor, tf.reshape(i as Tensor, [3, 1]))],
    () => [values([3, 4]), ints([2, 0, 2])],
  ],
  [
    'scattering',
    (x, i) => [
      tf.unsortedSegmentSum(x as Tensor, i as never, 4),
      tf.scatterND(tf.reshape(i as Tensor, [3, 1]), x as Tensor, [5, 4]),
    ],
    () => [values([3, 4]), ints([2, 0, 1])],
  ],
  ['one-hot', (i) => [tf.oneHot(i as Tensor, 4, 0.9, 0.1, 'float32')], () => [ints([0, 3, 1, 2], [2, 2])]],
  ['made from numbers', () => [tf.range(1, 8, 2), tf.linspace(0, 1, 5), tf.fill([2, 3], 7), tf.ones([30])], () => []],
  [
    'the largest',
    (x) => {
      const { values: top, indices } = tf.topk(x as Tensor, 2);
      return [top, indices];
    },
    () => [values([3, 5])],
  ],
  [
    'random numbers',
    (seed) => [
      ...['StatelessRandomUniform', 'StatelessRandomNormal', 'StatelessTruncatedNormal'].map((op) =>
        rawOp1(op, { dtype: { dtype: 'float32' }, T: INDEX, Tseed: INDEX }, [
          tf.tensor1d([3, 4], 'int32'),
          seed as Tensor,
        ]),
      ),
      rawOp1('StatelessRandomUniformInt', { dtype: INDEX, T: INDEX, Tseed: INDEX }, [
        tf.tensor1d([5], 'int32'),
        seed as Tensor,
        tf.scalar(0, 'int32'),
        tf.scalar(9, 'int32'),
      ]),
    ],
    () => [ints([7, 8])],
  ],
  [
    '3-D convolution',
    withGradients((x, f) => tf.conv3d(x as never, f as never, 1, 'same')),
    () => [image(), values([3, 3, 3, 3, 2], 2)],
  ],
  [
    'strided 3-D convolution',
    withGradients((x, f) => tf.conv3d(x as never, f as never, 2, 'valid')),
    () => [image(), values([3, 1, 2, 3, 2], 2)],
  ],
  [
    '2-D convolution',
    withGradients((x, f) => tf.conv2d(x as never, f as never, 2, 'same')),
    () => [values([2, 7, 6, 3]), values([3, 3, 3, 2], 2)],
  ],
  [
    'matrix products',
    withGradients((x, y) => tf.matMul(x as Tensor, y as Tensor, false, true)),
    () => [values([2, 3, 4]), values([2, 5, 4], 2)],
  ],
  [
    'matrix products, other ways round',
    (x, y) => [
      rawOp1('BatchMatMulV2', { ...T, adj_x: { bool: true }, adj_y: { bool: false } }, [x as Tensor, y as Tensor]),
      rawOp1('BatchMatMul', { ...T, adj_x: { bool: true }, adj_y: { bool: false } }, [
        x as Tensor,
        tf.tile(tf.expandDims(y as Tensor), [2, 1, 1]),
      ]),
      rawOp1('MatMul', { ...T, transpose_a: { bool: true }, transpose_b: { bool: true } }, [
        y as Tensor,
        tf.transpose(y as Tensor),
      ]),
    ],
    () => [values([2, 3, 4]), values([3, 5], 2)],
  ],
  [
    'Einstein summation',
    (x, y) => [tf.einsum('bij,jk->bik', x as Tensor, y as Tensor)],
    () => [values([2, 3, 4]), values([4, 5], 2)],
  ],
  ['3-D pooling', withGradients((x) => tf.maxPool3d(x as never, 2, 2, 'valid')), () => [image()]],
  ['3-D mean pooling', withGradients((x) => tf.avgPool3d(x as never, 3, 1, 'same')), () => [image()]],
  [
    '2-D pooling',
    withGradients((x) => tf.add(tf.maxPool(x as never, 2, 2, 'valid'), tf.avgPool(x as never, 2, 2, 'valid'))),
    () => [values([2, 6, 4, 3])],
  ],
  [
    'batch norm of inference',
    (x) => [
      tf.batchNorm(
        x as never,
        tf.tensor1d([0.1, 0.2, 0.3]),
        tf.tensor1d([1, 2, 3]),
        tf.tensor1d([0, 1, 0]),
        tf.tensor1d([1, 2, 1]),
      ),
    ],
    () => [values([2, 4, 5, 3])],
  ],
  [
    'fused batch norm and its gradient',
    (x) =>
      ['V2', 'V3'].flatMap((version) => {
        const types: Record<string, Attribute> = {
          T: { dtype: 'float32' },
          U: { dtype: 'float32' },
          epsilon: { float: 1e-5 },
          is_training: { bool: true },
          data_format: { text: 'NHWC' },
        };
        const [scale, empty] = [tf.tensor1d([1, 2, 1]), tf.tensor1d([])];
        const outputs = rawOp(
          `FusedBatchNorm${version}`,
          types,
          [x as Tensor, scale, tf.tensor1d([0, 1, 0]), empty, empty],
          version === 'V3' ? 6 : 5,
        );
        const gradients = rawOp(
          `FusedBatchNormGrad${version}`,
          types,
          [tf.cos(x as Tensor), x as Tensor, scale, ...outputs.slice(3)],
          5,
        );
        // With mean and variance that are given, x moves neither.
        const given = rawOp(
          `FusedBatchNormGrad${version}`,
          { ...types, is_training: { bool: false } },
          [tf.cos(x as Tensor), x as Tensor, scale, ...outputs.slice(3)],
          5,
        );
        return [...outputs.slice(0, 3), ...gradients.slice(0, 3), ...given.slice(0, 3)];
      }),
    () => [values([2, 4, 5, 3])],
  ],
];

test.each(CASES)('%s', (_, compute, inputs) => {
  compare(compute, inputs());
});

afterAll(() => {
  // Every op of the table was seen to load and to agree.
  expect(Object.keys(OPS).filter((op) => !seen.has(op))).toEqual([]);
});
