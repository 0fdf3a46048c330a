import { BOOL, INT32, type Shape } from '../data-types.ts';
import { constantInput, define, each, input, type OpCall, type OpTable, same, typeOf } from './definition.ts';
import { reducedShape } from './moving.ts';

/*
 * Ops that bring many elements together, and losses.
 */

const reduced = (call: OpCall): Shape => reducedShape(call, constantInput(call, 1));

/** Reductions and losses. */
export const REDUCTIONS: OpTable = {
  ...each('Sum Mean Prod', define('full', reduced, { types: { T: 0, Tidx: 1 } })),
  ...each('Max Min', define('follow', reduced, { types: { T: 0, Tidx: 1 } })),
  ...each('All Any', define('follow', reduced, { types: { Tidx: 1 }, output: BOOL })),
  ...each(
    'ArgMax ArgMin',
    define(
      'follow',
      (call) => {
        const { shape } = input(call, 0);
        const axis = constantInput(call, 1)[0] as number;
        return shape.filter((_, i) => i !== (axis < 0 ? axis + shape.length : axis));
      },
      { types: { T: 0, Tidx: 1 }, output: (call) => typeOf(call, 'output_type', INT32) },
    ),
  ),
  L2Loss: define('full', () => []),
  ...each('Softmax LogSoftmax', define('full', same())),
  SoftmaxCrossEntropyWithLogits: {
    precision: 'full',
    types: { T: 0 },
    outputTypes: (call) => [input(call, 0).type, input(call, 0).type],
    shapes: (call) => [input(call, 0).shape.slice(0, 1), input(call, 0).shape],
  },
  SparseSoftmaxCrossEntropyWithLogits: {
    precision: 'full',
    types: { T: 0, Tlabels: 1 },
    outputTypes: (call) => [input(call, 0).type, input(call, 0).type],
    shapes: (call) => [input(call, 0).shape.slice(0, 1), input(call, 0).shape],
  },
  UnsortedSegmentSum: define(
    'full',
    (call) => {
      const count = constantInput(call, 2)[0] as number;
      return [count, ...input(call, 0).shape.slice(input(call, 1).shape.length)];
    },
    { types: { T: 0, Tindices: 1, Tnumsegments: 2 } },
  ),
};
