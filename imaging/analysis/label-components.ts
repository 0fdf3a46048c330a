import type { LabelData, Vec3 } from '../volume.ts';

/** One connected component of one label. */
export interface LabelComponent {
  readonly value: number;
  /** Voxels. */
  readonly size: number;
  /** Extent of the bounding box in voxels, [x, y, z]. */
  readonly box: Vec3;
}

/**
 * Connected components (26 neighbours) of every label value at once, background included, in the order of each one's
 * first voxel. Works on runs of equal values along z, of which a label map has few, with union-find.
 */
export function labelComponents(labels: LabelData, shape: Vec3): LabelComponent[] {
  const runs = findRuns(labels, shape);
  const parents = Int32Array.from({ length: runs.count }, (_, index) => index);
  const [sizeX, sizeY] = shape;
  for (let x = 0; x < sizeX; x += 1) {
    for (let y = 0; y < sizeY; y += 1) {
      const row = x * sizeY + y;
      if (y > 0) joinRows(runs, parents, row, row - 1);
      if (x === 0) continue;
      const previous = row - sizeY;
      joinRows(runs, parents, row, previous);
      if (y > 0) joinRows(runs, parents, row, previous - 1);
      if (y + 1 < sizeY) joinRows(runs, parents, row, previous + 1);
    }
  }
  return collect(runs, parents, shape);
}

interface Runs {
  readonly count: number;
  /** First run of each row x * sizeY + y, and one past the last row. */
  readonly rowStarts: Int32Array;
  readonly values: Int32Array;
  /** First and last z of each run. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

function findRuns(labels: LabelData, [sizeX, sizeY, sizeZ]: Vec3): Runs {
  const rows = sizeX * sizeY;
  const rowStarts = new Int32Array(rows + 1);
  let count = 0;
  for (let row = 0; row < rows; row += 1) {
    rowStarts[row] = count;
    const offset = row * sizeZ;
    count += 1;
    for (let z = 1; z < sizeZ; z += 1) if (labels[offset + z] !== labels[offset + z - 1]) count += 1;
  }
  rowStarts[rows] = count;
  const values = new Int32Array(count);
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  let run = -1;
  for (let row = 0; row < rows; row += 1) {
    const offset = row * sizeZ;
    for (let z = 0; z < sizeZ; z += 1) {
      const value = labels[offset + z] as number;
      if (z === 0 || value !== values[run]) {
        run += 1;
        values[run] = value;
        starts[run] = z;
      }
      ends[run] = z;
    }
  }
  return { count, rowStarts, values, starts, ends };
}

/** Joins runs of equal value in two neighbouring rows that overlap or touch diagonally (z at most one apart). */
function joinRows(runs: Runs, parents: Int32Array, row: number, other: number): void {
  const { rowStarts, values, starts, ends } = runs;
  let a = rowStarts[row] as number;
  let b = rowStarts[other] as number;
  const lastA = rowStarts[row + 1] as number;
  const lastB = rowStarts[other + 1] as number;
  while (a < lastA && b < lastB) {
    const endA = ends[a] as number;
    const endB = ends[b] as number;
    if (values[a] === values[b] && (starts[a] as number) <= endB + 1 && (starts[b] as number) <= endA + 1) {
      union(parents, a, b);
    }
    // The run that ends later may also touch the other row's next run, which begins right after the one that ends first.
    if (endA < endB) a += 1;
    else if (endB < endA) b += 1;
    else {
      if (a + 1 < lastA && values[a + 1] === values[b]) union(parents, a + 1, b);
      if (b + 1 < lastB && values[b + 1] === values[a]) union(parents, a, b + 1);
      a += 1;
      b += 1;
    }
  }
}

function find(parents: Int32Array, run: number): number {
  let root = run;
  while (parents[root] !== root) {
    parents[root] = parents[parents[root] as number] as number;
    root = parents[root] as number;
  }
  return root;
}

/** The earlier run becomes the root, so that components come out in the order of their first voxel. */
function union(parents: Int32Array, a: number, b: number): void {
  const rootA = find(parents, a);
  const rootB = find(parents, b);
  if (rootA < rootB) parents[rootB] = rootA;
  else parents[rootA] = rootB;
}

function collect(runs: Runs, parents: Int32Array, [sizeX, sizeY]: Vec3): LabelComponent[] {
  const found = new Map<number, { value: number; size: number; low: number[]; high: number[] }>();
  for (let row = 0; row < sizeX * sizeY; row += 1) {
    const x = Math.floor(row / sizeY);
    const y = row % sizeY;
    for (let run = runs.rowStarts[row] as number; run < (runs.rowStarts[row + 1] as number); run += 1) {
      const root = find(parents, run);
      const start = runs.starts[run] as number;
      const end = runs.ends[run] as number;
      const component = found.get(root);
      if (component === undefined) {
        found.set(root, {
          value: runs.values[run] as number,
          size: end - start + 1,
          low: [x, y, start],
          high: [x, y, end],
        });
        continue;
      }
      component.size += end - start + 1;
      const { low, high } = component;
      if (y < (low[1] as number)) low[1] = y;
      if (start < (low[2] as number)) low[2] = start;
      if (x > (high[0] as number)) high[0] = x;
      if (y > (high[1] as number)) high[1] = y;
      if (end > (high[2] as number)) high[2] = end;
    }
  }
  return [...found.values()].map(({ value, size, low, high }) => {
    const extent = (axis: number): number => (high[axis] as number) - (low[axis] as number) + 1;
    return { value, size, box: [extent(0), extent(1), extent(2)] };
  });
}
