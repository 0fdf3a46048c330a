import { type Scalar, type Tensor, tf } from '@voxhelm/nn/engine';
import { edgeSets, patternsOf } from './decode.ts';
import { operationCosts, outputSizes, type SpaceSize } from './memory-cost.ts';
import { anyEdge, edgeProbabilities } from './network.ts';

/*
 * What the architecture step minimises beside the segmentation's loss (MONAI's TopologySearch and Auto3DSeg's search;
 * automl.md 2.3). Plain tensor functions; sums of products instead of matrix products, which a program in half precision
 * would compute with too few digits.
 */

const FLOOR = 1e-5;
/** Auto3DSeg's weight of the topology term. */
const TOPOLOGY_WEIGHT = 0.001;

/** Probability of each set of edges, [blocks, sets], of logits [blocks, edges]. */
export function setProbabilities(logits: Tensor): Tensor {
  const [blocks, edges] = logits.shape as [number, number];
  const sets = tf.tensor(edgeSets(edges).flat(), [1, 2 ** edges - 1, edges]);
  // ln(sigmoid) and ln(1 - sigmoid) without a logarithm of 0.
  const there = tf.reshape(tf.neg(tf.softplus(tf.neg(logits))), [blocks, 1, edges]);
  const absent = tf.reshape(tf.neg(tf.softplus(logits)), [blocks, 1, edges]);
  const logarithm = tf.sum(tf.add(tf.mul(sets, there), tf.mul(tf.sub(1, sets), absent)), 2);
  return tf.div(tf.exp(logarithm), anyEdge(tf.sigmoid(logits)));
}

/** Mean entropy of the sets of edges, and of each cell's operations. */
export function entropies(sets: Tensor, operationLogits: Tensor): { edges: Tensor; operations: Tensor } {
  const logarithm = tf.logSoftmax(operationLogits);
  return {
    edges: tf.neg(tf.mean(tf.mul(sets, tf.log(tf.add(sets, FLOOR))))),
    operations: tf.neg(tf.mean(tf.mul(tf.exp(logarithm), logarithm))),
  };
}

/** How badly each block's reading of nodes fits the writing of the block before it: cross entropy over sets of nodes. */
export function topologyLoss(sets: Tensor, depths: number): Tensor {
  const [blocks, count] = sets.shape as [number, number];
  const patterns = patternsOf(edgeSets(3 * depths - 2), depths);
  const probabilityOf = (side: 'reads' | 'writes'): Tensor => {
    const places = tf.tensor1d(
      patterns.map((pattern) => pattern[side]),
      'int32',
    );
    const members = tf.reshape(tf.oneHot(places, 2 ** depths - 1), [1, count, 2 ** depths - 1]);
    return tf.sum(tf.mul(tf.reshape(sets, [blocks, count, 1]), tf.cast(members, 'float32')), 1);
  };
  const width = 2 ** depths - 1;
  const written = tf.slice(probabilityOf('writes'), [0, 0], [blocks - 1, width]);
  const read = tf.slice(probabilityOf('reads'), [1, 0], [blocks - 1, width]);
  const fits = tf.mul(written, tf.log(tf.add(read, FLOOR)));
  const not = tf.mul(tf.sub(1, written), tf.log(tf.add(tf.sub(1, read), FLOOR)));
  return tf.neg(tf.sum(tf.add(fits, not)));
}

/** Expected memory of the cells as a share of what all of them would take. */
export function expectedMemoryShare(edgeLogits: Tensor, operationLogits: Tensor, space: SpaceSize): Tensor {
  const costs = operationCosts(space);
  const cost = tf.tensor(costs.flat(), [1, costs.length, costs[0]?.length ?? 0]);
  const size = tf.tensor(outputSizes(space), [1, costs.length]);
  const cells = tf.mul(tf.add(1, tf.sum(tf.mul(tf.softmax(operationLogits), cost), 2)), size);
  return tf.div(tf.sum(tf.mul(edgeProbabilities(edgeLogits), cells)), tf.sum(cells));
}

/** The architecture's own loss: entropies, distance to the memory budget, and a little of topology. */
export function architectureLoss(
  edgeLogits: Tensor,
  operationLogits: Tensor,
  space: SpaceSize,
  memoryBudget: number,
): Scalar {
  const sets = setProbabilities(edgeLogits);
  const { edges, operations } = entropies(sets, operationLogits);
  const memory = tf.abs(tf.sub(memoryBudget, expectedMemoryShare(edgeLogits, operationLogits, space)));
  const topology = tf.mul(topologyLoss(sets, space.depths), TOPOLOGY_WEIGHT);
  return tf.addN([edges, operations, memory, topology]) as Scalar;
}
