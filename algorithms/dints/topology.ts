/*
 * The grid that DiNTS searches in: blocks from left to right, a node for each resolution ("depth", finest first) between
 * them, and in each block an edge from every node to the node of the same depth and its neighbours. He et al., "DiNTS:
 * Differentiable Neural Network Topology Search for 3D Medical Image Segmentation", arXiv:2103.15954. Pure.
 */

/** What a cell may compute, in the order of MONAI's codes: P3D operations are a flat kernel and then one across it. */
export const CELL_OPERATIONS = ['skip', '3x3x3', '3x3x1', '3x1x3', '1x3x3'] as const;

/** One edge of a block: from a node's depth to another's, which a cell comes between. */
export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly change: 'down' | 'keep' | 'up';
}

/** The edges of a block, in the order of MONAI's codes: 3 * depths - 2. */
export function edgesOf(depths: number): readonly Edge[] {
  return Array.from({ length: 3 * depths - 2 }, (_, index): Edge => {
    const to = Math.floor((index + 1) / 3);
    const step = ((index + 1) % 3) - 1;
    return { from: to + step, to, change: step === 1 ? 'up' : step === -1 ? 'down' : 'keep' };
  });
}

/** An architecture by MONAI's codes, as `plan.network.options` holds it. */
export interface Architecture {
  /** Per block and edge: 1 where a cell is there. */
  readonly arch_code_a: readonly (readonly number[])[];
  /** Per block and edge: the index of the cell's operation; means nothing where no cell is. */
  readonly arch_code_c: readonly (readonly number[])[];
  /** Per column of nodes (one more than blocks) and depth: 1 where the node is used. */
  readonly node_a: readonly (readonly number[])[];
}

/** The nodes that a block's cells read (`from`) or write (`to`), as 0 or 1 per depth. */
export function nodesOf(paths: readonly number[], depths: number, side: 'from' | 'to'): number[] {
  const nodes = Array<number>(depths).fill(0);
  edgesOf(depths).forEach((edge, index) => {
    if ((paths[index] ?? 0) > 0) nodes[edge[side]] = 1;
  });
  return nodes;
}

/** Node codes of an architecture's paths: the inputs that the first block reads, then what each block writes. */
export function nodeCodes(paths: Architecture['arch_code_a'], depths: number): number[][] {
  return [nodesOf(paths[0] ?? [], depths, 'from'), ...paths.map((block) => nodesOf(block, depths, 'to'))];
}

/** What of an architecture its output depends on; the rest is built (its parameters exist) and never computed. */
export interface LiveParts {
  /** Depth of the deepest node that the decoder starts from. */
  readonly deepest: number;
  /** Per block and edge. */
  readonly cells: readonly (readonly boolean[])[];
  /** Per depth: whether the stem's output at this depth is read. */
  readonly inputs: readonly boolean[];
}

/**
 * Walks back from the output: a cell matters where its node does. Returns in words what makes the architecture impossible
 * (a cell reads a node that nothing writes), or the parts that matter.
 */
export function livePartsOf({ arch_code_a: paths, node_a: nodes }: Architecture, depths: number): LiveParts | string {
  const edges = edgesOf(depths);
  const deepest = (nodes.at(-1) ?? []).lastIndexOf(1);
  if (deepest < 0) return 'node_a uses no node of the last column';
  let needed = Array.from({ length: depths }, (_, depth) => depth <= deepest);
  const cells: boolean[][] = [];
  for (let block = paths.length - 1; block >= 0; block--) {
    const active = (index: number): boolean => (paths[block]?.[index] ?? 0) > 0;
    const written = nodesOf(paths[block] ?? [], depths, 'to');
    // The decoder adds nothing for a node above the deepest that no cell writes; any other reader needs it.
    const last = block === paths.length - 1;
    const missing = needed.findIndex((is, depth) => is && written[depth] === 0 && (!last || depth === deepest));
    if (missing >= 0) return `nothing writes node ${missing} after block ${block}, which is read`;
    const live = edges.map((edge, index) => active(index) && (needed[edge.to] ?? false));
    cells.unshift(live);
    needed = needed.map((_, depth) => edges.some((edge, index) => live[index] === true && edge.from === depth));
  }
  return { deepest, cells, inputs: needed };
}

/** What is trained where nothing was searched: every path, with a convolution where the depth stays and none where it changes. */
export function defaultArchitecture(blocks: number, depths: number): Architecture {
  const edges = edgesOf(depths);
  const rows = (row: readonly number[], count: number): number[][] => Array.from({ length: count }, () => [...row]);
  return {
    arch_code_a: rows(Array<number>(edges.length).fill(1), blocks),
    arch_code_c: rows(
      edges.map(({ change }) => (change === 'keep' ? 1 : 0)),
      blocks,
    ),
    node_a: rows(Array<number>(depths).fill(1), blocks + 1),
  };
}
