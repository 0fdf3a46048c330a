import { type Tensor, type Tensor5D, tf } from '@voxhelm/nn/engine';
import { pointwiseConv } from '@voxhelm/nn/layers/conv';
import { resizeTrilinear } from '@voxhelm/nn/layers/resize-trilinear';
import {
  type ForwardMode,
  type Network,
  type NetworkFactory,
  type ParameterSpec,
  type Parameters,
  parameter,
} from '@voxhelm/nn/network';
import { recompute } from '@voxhelm/nn/recompute';
import {
  act,
  convOf,
  convSpec,
  doubled,
  increase,
  normOf,
  normSpecs,
  operation,
  operationSpecs,
  preprocessSpecs,
  reduce,
} from './network-blocks.ts';
import { type DintsOptions, readDintsOptions } from './network-options.ts';
import { CELL_OPERATIONS, type Edge, edgesOf } from './topology.ts';

/*
 * DiNTS as MONAI builds it: stems bring the image to each depth, blocks of cells work on all depths, up-stems bring them
 * back from the deepest. Over TopologyInstance a cell has the operation that was chosen; over TopologySearch all of them,
 * weighted by parameters of their own: the supernet.
 */

/** The supernet's architecture parameters: logits of each edge, and of each operation of each edge. */
export const EDGE_LOGITS = 'dints_space.log_alpha_a';
export const OPERATION_LOGITS = 'dints_space.log_alpha_c';

function cellName(block: number, edge: number): string {
  return `dints_space.cell_tree.(${block}, ${edge})`;
}

/** Channels of a node. */
function channelsOf({ filters, downsample }: DintsOptions, depth: number): number {
  return filters[depth + (downsample ? 1 : 0)] as number;
}

/** Channels of an up-stem's output. */
function stemUpChannels({ filters, downsample }: DintsOptions, depth: number): number {
  return filters[downsample ? depth : Math.max(depth - 1, 0)] as number;
}

function architectureSpecs({ space, blocks, depths }: DintsOptions): ParameterSpec[] {
  if (space === 'TopologyInstance') return [];
  const edges = edgesOf(depths).length;
  // MONAI's mean of 1 for the operations is left out: a softmax does not see it.
  const init = { rule: 'normal', standardDeviation: 0.01 } as const;
  return [
    { name: OPERATION_LOGITS, shape: [blocks, edges, CELL_OPERATIONS.length], kind: 'other', init },
    { name: EDGE_LOGITS, shape: [blocks, edges], kind: 'other', init },
  ];
}

function cellSpecs(options: DintsOptions): ParameterSpec[] {
  return options.paths.flatMap((block, b) =>
    edgesOf(options.depths).flatMap(({ from, to, change }, e) => {
      if (block[e] !== 1) return [];
      const name = cellName(b, e);
      const channels = channelsOf(options, to);
      const codes = options.operations[b]?.[e] ?? [];
      return [
        ...preprocessSpecs(`${name}.preprocess`, change, [channelsOf(options, from), channels], options),
        ...codes.flatMap((code, i) => operationSpecs(`${name}.op.ops.${i}`, code, channels, options)),
      ];
    }),
  );
}

function stemSpecs(options: DintsOptions): ParameterSpec[] {
  const { filters, downsample, inChannels, classes } = options;
  const first = filters[0] as number;
  const depths = Array.from({ length: options.depths }, (_, depth) => depth);
  return [
    ...depths.flatMap((depth) => {
      const name = `stem_down.${depth}.mod`;
      const channels = filters[depth] as number;
      const next = filters[depth + 1] as number;
      return [
        convSpec(`${name}.1`, channels, inChannels, [3, 3, 3]),
        ...normSpecs(`${name}.2`, channels, options),
        ...(downsample
          ? [convSpec(`${name}.4`, next, channels, [3, 3, 3]), ...normSpecs(`${name}.5`, next, options)]
          : []),
      ];
    }),
    ...depths.flatMap((depth) => {
      const name = `stem_up.${depth}.mod`;
      const out = stemUpChannels(options, depth);
      return [
        convSpec(`${name}.1`, out, channelsOf(options, depth), [3, 3, 3]),
        ...normSpecs(`${name}.2`, out, options),
      ];
    }),
    convSpec('stem_finals.0.conv', first, first, [3, 3, 3]),
    ...normSpecs('stem_finals.0.norm', first, options),
    convSpec('stem_finals.1', classes, first, [1, 1, 1]),
    {
      name: 'stem_finals.1.bias',
      shape: [classes],
      kind: 'vector',
      init: { rule: 'uniform-fan-in', fanIn: first },
    },
  ];
}

/** The image at one depth: resized, convolved, and with `downsample` halved once more. */
function stemDown(parameters: Parameters, depth: number, image: Tensor5D, options: DintsOptions): Tensor5D {
  const name = `stem_down.${depth}.mod`;
  const [, x, y, z] = image.shape;
  const scale = 2 ** depth;
  const size = [Math.floor(x / scale), Math.floor(y / scale), Math.floor(z / scale)] as const;
  const features = convOf(parameters, `${name}.1`, resizeTrilinear(image, size, true));
  if (!options.downsample) return normOf(parameters, `${name}.2`, features, options);
  const activated = normOf(parameters, `${name}.2`, features, options, { rectified: true });
  return normOf(parameters, `${name}.5`, convOf(parameters, `${name}.4`, activated, [2, 2, 2]), options);
}

function stemUp(parameters: Parameters, depth: number, x: Tensor5D, options: DintsOptions): Tensor5D {
  const name = `stem_up.${depth}.mod`;
  const y = normOf(parameters, `${name}.2`, convOf(parameters, `${name}.1`, act(x, options)), options);
  return options.downsample || depth > 0 ? resizeTrilinear(y, doubled(y), true) : y;
}

/** How the supernet weights one cell's operations: a scalar for each, the edge's probability included. */
type CellWeights = (block: number, edge: number, operation: number) => Tensor | null;

/** Probability of each edge, given that a block has at least one: sigmoid over 1 - product of (1 - sigmoid). */
export function edgeProbabilities(logits: Tensor): Tensor {
  const single = tf.sigmoid(logits);
  return tf.div(single, anyEdge(single));
}

/** Probability that a block has any edge, [blocks, 1]. */
export function anyEdge(single: Tensor): Tensor {
  // As a sum of logarithms: tfjs's product has no gradient on every backend.
  return tf.sub(1, tf.exp(tf.sum(tf.log(tf.sub(1, single)), 1, true)));
}

function cellWeights(parameters: Parameters, { space, blocks, depths }: DintsOptions): CellWeights {
  if (space === 'TopologyInstance') return () => null;
  const edges = edgesOf(depths).length;
  const operations = tf.softmax(parameter(parameters, OPERATION_LOGITS));
  const probabilities = tf.reshape(edgeProbabilities(parameter(parameters, EDGE_LOGITS)), [blocks, edges, 1]);
  const weights = tf.unstack(tf.reshape(tf.mul(operations, probabilities), [-1]));
  return (block, edge, index) => weights[(block * edges + edge) * CELL_OPERATIONS.length + index] as Tensor;
}

/** What one cell adds to its node: a term for each of its operations. */
function cellTerms(
  parameters: Parameters,
  [block, edge]: readonly [number, number],
  x: Tensor5D,
  options: DintsOptions,
  weights: readonly (Tensor | null)[],
): Tensor5D[] {
  const name = cellName(block, edge);
  const { change } = edgesOf(options.depths)[edge] as Edge;
  const ahead = `${name}.preprocess`;
  const input =
    change === 'keep'
      ? x
      : change === 'up'
        ? increase(parameters, ahead, x, options)
        : reduce(parameters, ahead, x, options);
  const codes = options.operations[block]?.[edge] ?? [];
  const activated = codes.some((code) => code > 0) ? act(input, options) : null;
  return codes.map((code, i) => {
    const weight = weights[i] ?? null;
    if (code > 0) return operation(parameters, `${name}.op.ops.${i}`, code, activated as Tensor5D, options, weight);
    return weight === null ? input : (tf.mul(input, weight) as Tensor5D);
  });
}

/** A cell of which only what goes in is kept for the gradient: its terms together. */
function recomputedCell(
  parameters: Parameters,
  place: readonly [number, number],
  x: Tensor5D,
  options: DintsOptions,
  weights: readonly (Tensor | null)[],
): Tensor5D {
  const given = weights.filter((weight) => weight !== null);
  return recompute(parameters, `${cellName(...place)}.`, [x, ...given], (own, [input, ...factors]) => {
    const terms = cellTerms(own, place, input as Tensor5D, options, given.length > 0 ? factors : weights);
    return total(terms) as Tensor5D;
  });
}

/** All blocks: the nodes of the last column by depth, null where nothing is. */
function throughBlocks(
  parameters: Parameters,
  inputs: readonly (Tensor5D | null)[],
  options: DintsOptions,
  mode: ForwardMode,
): (Tensor5D | null)[] {
  const weights = cellWeights(parameters, options);
  const edges = edgesOf(options.depths);
  return options.live.cells.reduce<(Tensor5D | null)[]>(
    (nodes, live, block) => {
      const terms = nodes.map((): Tensor5D[] => []);
      edges.forEach(({ change, from, to }, edge) => {
        if (live[edge] !== true) return;
        const codes = options.operations[block]?.[edge] ?? [];
        const cell = [
          parameters,
          [block, edge],
          nodes[from] as Tensor5D,
          options,
          codes.map((_, i) => weights(block, edge, i)),
        ] as const;
        // A cell that only hands on has no inside.
        const inside = change !== 'keep' || codes.some((code) => code > 0);
        terms[to]?.push(...(mode.recompute === true && inside ? [recomputedCell(...cell)] : cellTerms(...cell)));
      });
      return terms.map(total);
    },
    [...inputs],
  );
}

function total(terms: Tensor5D[]): Tensor5D | null {
  if (terms.length <= 1) return terms[0] ?? null;
  return tf.addN(terms) as Tensor5D;
}

/** From the deepest node up to the image's grid, then the classes. */
function decode(parameters: Parameters, nodes: readonly (Tensor5D | null)[], options: DintsOptions): Tensor5D {
  let x: Tensor5D | null = null;
  for (let depth = options.live.deepest; depth >= 0; depth--) {
    const parts = [nodes[depth] ?? null, x].filter((part) => part !== null);
    x = stemUp(parameters, depth, total(parts) as Tensor5D, options);
  }
  const features = convOf(parameters, 'stem_finals.0.conv', act(x as Tensor5D, options));
  const normed = normOf(parameters, 'stem_finals.0.norm', features, options);
  const bias = parameter(parameters, 'stem_finals.1.bias');
  return pointwiseConv(normed, parameter(parameters, 'stem_finals.1.weight'), bias);
}

/** A node's input: the stem's output, zeros where node_a switches it off, null where nothing reads it. */
function inputOf(parameters: Parameters, depth: number, image: Tensor5D, options: DintsOptions): Tensor5D | null {
  if (options.live.inputs[depth] !== true) return null;
  if (options.nodes[0]?.[depth] === 1) return stemDown(parameters, depth, image, options);
  const [batch, ...grid] = image.shape.slice(0, 4) as [number, number, number, number];
  const scale = 2 ** (depth + (options.downsample ? 1 : 0));
  return tf.zeros([batch, ...grid.map((size) => size / scale), channelsOf(options, depth)] as never);
}

/**
 * DiNTS of MONAI's options: those of DiNTS (in_channels, num_classes, act_name, norm_name, use_downsample, node_a) and of
 * its space (num_blocks, num_depths, channel_mul, arch_code_a, arch_code_c); `dints_space` says which. Without codes all
 * edges and operations are there. Throws `invalid-request` naming a wrong option.
 */
export const dintsNetwork: NetworkFactory = (given): Network => {
  const options = readDintsOptions(given);
  const side = 2 ** (options.depths - 1 + (options.downsample ? 1 : 0));
  return {
    class: 'DiNTS',
    options: given,
    inChannels: options.inChannels,
    outChannels: options.classes,
    heads: 1,
    divisor: [side, side, side],
    specs: [...architectureSpecs(options), ...cellSpecs(options), ...stemSpecs(options)],
    forward(parameters, x, mode) {
      const inputs = Array.from({ length: options.depths }, (_, depth) => inputOf(parameters, depth, x, options));
      return [decode(parameters, throughBlocks(parameters, inputs, options, mode), options)];
    },
  };
};
