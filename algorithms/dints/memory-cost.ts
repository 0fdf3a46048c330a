import { type Architecture, CELL_OPERATIONS, type Edge, edgesOf } from './topology.ts';

/*
 * What a cell keeps in memory, in units of its output's size: MONAI's estimate (automl.md 2.3), which the search holds
 * against its memory budget. Pure.
 */

/** The space that costs are counted in. */
export interface SpaceSize {
  readonly depths: number;
  /** 32 * channel_mul, doubled from depth to depth; one more entry than depths. */
  readonly filters: readonly number[];
  readonly downsample: boolean;
}

function preprocessCost({ from, to, change }: Edge, { filters, downsample }: SpaceSize): number {
  if (change === 'keep') return 0;
  const shift = downsample ? 1 : 0;
  const ratio = (filters[from + shift] as number) / (filters[to + shift] as number);
  // Up: twice the input at the finer grid, twice the output. Down: the input, eight voxels for one, thrice the output.
  return change === 'up' ? 2 * ratio + 2 : 8 * ratio + 3;
}

/** Cost of each edge's cell with each operation, per unit of its output. */
export function operationCosts(space: SpaceSize): number[][] {
  // A convolution keeps its activation, result and norm; a P3D operation one result more.
  const own = [0, 3, 4, 4, 4];
  return edgesOf(space.depths).map((edge) => own.map((cost) => cost + preprocessCost(edge, space)));
}

/** Output size of each edge's cell, relative to depth 0's. A finer depth has twice the channels' half on eight times the voxels. */
export function outputSizes({ depths, filters }: SpaceSize): number[] {
  const first = filters[0] as number;
  return edgesOf(depths).map(({ to }) => (filters[to] as number) / first / 8 ** to);
}

/** Estimated memory of an architecture's cells, as a share of what all cells with the same operations would take. */
export function memoryShare({ arch_code_a: paths, arch_code_c: codes }: Architecture, space: SpaceSize): number {
  const costs = operationCosts(space);
  const sizes = outputSizes(space);
  let [used, full] = [0, 0];
  paths.forEach((block, b) => {
    block.forEach((active, edge) => {
      const code = Math.min(codes[b]?.[edge] ?? 0, CELL_OPERATIONS.length - 1);
      const cost = (1 + (costs[edge]?.[code] ?? 0)) * (sizes[edge] ?? 0);
      full += cost;
      if (active > 0) used += cost;
    });
  });
  return used / full;
}
