import { type Architecture, nodeCodes, nodesOf } from './topology.ts';

/*
 * From probabilities to an architecture: of all sequences of edge sets that connect, the most probable. Pure.
 */

/** Every non-empty set of edges as 0 and 1, in binary counting order with the first edge most significant. */
export function edgeSets(edges: number): number[][] {
  return Array.from({ length: 2 ** edges - 1 }, (_, index) =>
    Array.from({ length: edges }, (_unused, edge) => ((index + 1) >> (edges - 1 - edge)) & 1),
  );
}

/** Index of a set of nodes among the non-empty ones. */
function patternOf(nodes: readonly number[]): number {
  return nodes.reduce((sum, node) => 2 * sum + node, 0) - 1;
}

/** Per set of edges: the index of the nodes that it reads and of those that it writes (of 2^depths - 1). */
export function patternsOf(sets: readonly (readonly number[])[], depths: number) {
  return sets.map((set) => ({
    reads: patternOf(nodesOf(set, depths, 'from')),
    writes: patternOf(nodesOf(set, depths, 'to')),
  }));
}

/** Probability of each set of edges of a block, given that there is one at least; the sets' sum is 1. */
function setProbabilities(logits: readonly number[], sets: readonly (readonly number[])[]): number[] {
  const single = logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  const any = 1 - single.reduce((product, p) => product * (1 - p), 1);
  return sets.map((set) =>
    set.reduce((product, bit, edge) => product * (bit === 1 ? single[edge]! : 1 - single[edge]!), 1 / any),
  );
}

// MONAI's graph has these lengths: no logarithm of 0, and no edge without length.
const PROBABILITY_FLOOR = 1e-5;
const SHORTEST = 1e-3;

/**
 * The shortest path through the blocks, as MONAI's decode finds it with Dijkstra's algorithm: a set of edges costs
 * -ln(probability), and may follow another only where it reads exactly the nodes that the other writes. The graph is
 * layered, so one pass from left to right finds it. `edgeLogits`: [block][edge]; `operationLogits`: [block][edge][operation].
 */
export function decodeArchitecture(
  edgeLogits: readonly (readonly number[])[],
  operationLogits: readonly (readonly (readonly number[])[])[],
  depths: number,
): Architecture {
  const sets = edgeSets(3 * depths - 2);
  const patterns = patternsOf(sets, depths);
  /** Best way to each set of written nodes so far. */
  let ways = new Map<number, { readonly length: number; readonly path: readonly number[] }>();
  edgeLogits.forEach((logits, block) => {
    const probabilities = setProbabilities(logits, sets);
    const next: typeof ways = new Map();
    patterns.forEach(({ reads, writes }, set) => {
      const before = block === 0 ? { length: 0, path: [] } : ways.get(reads);
      if (before === undefined) return;
      const length = before.length - Math.log((probabilities[set] as number) + PROBABILITY_FLOOR) + SHORTEST;
      if (length < (next.get(writes)?.length ?? Number.POSITIVE_INFINITY)) {
        next.set(writes, { length, path: [...before.path, set] });
      }
    });
    ways = next;
  });
  const best = [...ways.values()].reduce((a, b) => (b.length < a.length ? b : a));
  const paths = best.path.map((set) => [...(sets[set] as number[])]);
  return {
    arch_code_a: paths,
    arch_code_c: operationLogits.map((block) => block.map((logits) => logits.indexOf(Math.max(...logits)))),
    node_a: nodeCodes(paths, depths),
  };
}
