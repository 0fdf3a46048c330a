import { FLOAT, type Shape } from '../data-types.ts';
import { input, type OpCall, type OpDefinition, type OpTable, textOf } from './definition.ts';

/*
 * Fused normalization: x and its gradient in either precision, scale and statistics always float32.
 */

function channelsOf(call: OpCall, x: Shape): number {
  return x[textOf(call, 'data_format', 'NHWC').startsWith('NC') ? 1 : x.length - 1] as number;
}

const batchNorm: OpDefinition = {
  precision: [0],
  types: { T: 0, U: 1 },
  outputTypes: (call) => [input(call, 0).type, ...Array.from({ length: call.outputs - 1 }, () => FLOAT)],
  shapes(call) {
    const x = input(call, 0).shape;
    const statistics = [channelsOf(call, x)];
    // The last output is a reserve of the GPU's kernel, empty on a CPU: its length is TensorFlow's own affair.
    return [x, ...Array.from({ length: call.outputs - 1 }, (_, i) => (i === 4 ? [] : statistics))];
  },
};

const batchNormGradient: OpDefinition = {
  precision: [1, 0],
  types: { T: 0, U: 2 },
  outputTypes: (call) => [input(call, 1).type, FLOAT, FLOAT, FLOAT, FLOAT],
  shapes(call) {
    const x = input(call, 1).shape;
    const channels = [channelsOf(call, x)];
    return [x, channels, channels, [0], [0]];
  },
};

/** tfjs's own batch norm, of inference alone, has no type attribute for its statistics. */
const oldBatchNorm: OpDefinition = { ...batchNorm, precision: 'full', types: { T: 0 } };

/** Normalization. */
export const NORMALIZATION: OpTable = {
  FusedBatchNorm: oldBatchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  FusedBatchNormGradV2: batchNormGradient,
  FusedBatchNormGradV3: batchNormGradient,
};
