import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { LabelData, Vec3 } from './volume.ts';
import { voxelCount } from './volume.ts';

/** A box of voxels: `start` is inside, `end` is one past the last voxel of each axis. */
export interface Box {
  readonly start: Vec3;
  readonly end: Vec3;
}

/** The components of a mask. `labels` holds 1..n in the order of each component's first voxel, 0 outside the mask. */
export interface Components {
  readonly labels: Int32Array;
  /** Voxels of component i+1. */
  readonly sizes: number[];
  /** Bounding box of component i+1. */
  readonly boxes: Box[];
}

/** A stack of voxel indices that grows; flood filling pushes each voxel once. */
interface VoxelStack {
  items: Int32Array;
  length: number;
}

/**
 * Finds the 26-connected components (voxels that touch by face, edge or corner) of the non-zero voxels of a mask
 * [x][y][z]. Throws `internal` where mask and shape disagree.
 */
export function connectedComponents(mask: Uint8Array, shape: Vec3): Components {
  if (mask.length !== voxelCount(shape)) {
    throw new VoxhelmError('internal', `a mask of ${mask.length} voxels does not have the shape ${shape.join('x')}`);
  }
  const labels = new Int32Array(mask.length);
  const sizes: number[] = [];
  const boxes: Box[] = [];
  const stack: VoxelStack = { items: new Int32Array(1024), length: 0 };
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] === 0 || labels[seed] !== 0) continue;
    const { size, box } = fillComponent(mask, shape, labels, seed, sizes.length + 1, stack);
    sizes.push(size);
    boxes.push(box);
  }
  return { labels, sizes, boxes };
}

function fillComponent(
  mask: Uint8Array,
  [sizeX, sizeY, sizeZ]: Vec3,
  labels: Int32Array,
  seed: number,
  label: number,
  stack: VoxelStack,
): { size: number; box: Box } {
  const start: [number, number, number] = [sizeX, sizeY, sizeZ];
  const last: [number, number, number] = [0, 0, 0];
  let size = 0;
  labels[seed] = label;
  stack.items[0] = seed;
  stack.length = 1;
  while (stack.length > 0) {
    stack.length -= 1;
    const voxel = stack.items[stack.length] as number;
    const z = voxel % sizeZ;
    const row = (voxel - z) / sizeZ;
    const y = row % sizeY;
    const x = (row - y) / sizeY;
    size += 1;
    if (x < start[0]) start[0] = x;
    if (x > last[0]) last[0] = x;
    if (y < start[1]) start[1] = y;
    if (y > last[1]) last[1] = y;
    if (z < start[2]) start[2] = z;
    if (z > last[2]) last[2] = z;
    if (stack.length + 26 > stack.items.length) stack.items = doubled(stack.items);
    const zFrom = z > 0 ? z - 1 : 0;
    const zTo = z < sizeZ - 1 ? z + 1 : z;
    for (let nx = x > 0 ? x - 1 : 0; nx <= x + 1 && nx < sizeX; nx++) {
      for (let ny = y > 0 ? y - 1 : 0; ny <= y + 1 && ny < sizeY; ny++) {
        const line = (nx * sizeY + ny) * sizeZ;
        for (let neighbour = line + zFrom; neighbour <= line + zTo; neighbour++) {
          if (mask[neighbour] === 0 || labels[neighbour] !== 0) continue;
          labels[neighbour] = label;
          stack.items[stack.length] = neighbour;
          stack.length += 1;
        }
      }
    }
  }
  return { size, box: { start, end: [last[0] + 1, last[1] + 1, last[2] + 1] } };
}

function doubled(items: Int32Array): Int32Array {
  const larger = new Int32Array(items.length * 2);
  larger.set(items);
  return larger;
}

/**
 * The smallest box of each of these values that occurs, all in one pass over the volume: with a hundred classes a pass for each
 * is what a score would take its time for.
 */
export function boxesOfValues(labels: ArrayLike<number>, shape: Vec3, values: readonly number[]): Map<number, Box> {
  const [sizeX, sizeY, sizeZ] = shape;
  const boxes = new Map(values.map((value) => [value, emptyBox(shape)]));
  let index = 0;
  for (let x = 0; x < sizeX; x++) {
    for (let y = 0; y < sizeY; y++) {
      for (let z = 0; z < sizeZ; ) {
        const value = labels[index] as number;
        const first = z;
        // Neighbours mostly agree: a box grows by a run of one value.
        do {
          z++;
          index++;
        } while (z < sizeZ && labels[index] === value);
        const box = boxes.get(value);
        if (box !== undefined) growBox(box, x, y, first, z);
      }
    }
  }
  return new Map([...boxes].filter(([, { end }]) => end[0] > 0));
}

/** A {@link Box} that still grows. */
interface GrowingBox {
  readonly start: [number, number, number];
  readonly end: [number, number, number];
}

function emptyBox([sizeX, sizeY, sizeZ]: Vec3): GrowingBox {
  return { start: [sizeX, sizeY, sizeZ], end: [0, 0, 0] };
}

/** Takes in the voxels from z to zEnd (exclusive) of a line; lines come in the array's order, so x never falls. */
function growBox({ start, end }: GrowingBox, x: number, y: number, z: number, zEnd: number): void {
  if (x < start[0]) start[0] = x;
  end[0] = x + 1;
  if (y < start[1]) start[1] = y;
  if (y >= end[1]) end[1] = y + 1;
  if (z < start[2]) start[2] = z;
  if (zEnd > end[2]) end[2] = zEnd;
}

/** Voxels along each axis of a box. */
export function boxShape(box: Box): Vec3 {
  return [box.end[0] - box.start[0], box.end[1] - box.start[1], box.end[2] - box.start[2]];
}

/** The mask (0 or 1) of one value inside a box, of the box's shape. */
export function maskInBox(labels: ArrayLike<number>, shape: Vec3, value: number, box: Box): Uint8Array {
  const size = boxShape(box);
  const mask = new Uint8Array(voxelCount(size));
  let to = 0;
  for (let x = box.start[0]; x < box.end[0]; x++) {
    for (let y = box.start[1]; y < box.end[1]; y++) {
      const from = (x * shape[1] + y) * shape[2] + box.start[2];
      for (let z = 0; z < size[2]; z++, to++) if (labels[from + z] === value) mask[to] = 1;
    }
  }
  return mask;
}

/**
 * Turns every voxel of each of `values` outside its largest 26-connected component into background (0), in place. Of equally
 * large components the first in the array's order stays. A value that does not occur changes nothing.
 */
export function keepLargestComponents(labels: LabelData, shape: Vec3, values: readonly number[]): void {
  if (values.length === 0) return;
  // What is cut off is background afterwards: it leaves the other values' boxes as they are.
  for (const [value, box] of boxesOfValues(labels, shape, values)) keepLargestInBox(labels, shape, value, box);
}

function keepLargestInBox(labels: LabelData, shape: Vec3, value: number, box: Box): void {
  const size = boxShape(box);
  const components = connectedComponents(maskInBox(labels, shape, value, box), size);
  if (components.sizes.length < 2) return;
  const largest = 1 + components.sizes.indexOf(components.sizes.reduce((most, voxels) => Math.max(most, voxels), 0));
  let from = 0;
  for (let x = box.start[0]; x < box.end[0]; x++) {
    for (let y = box.start[1]; y < box.end[1]; y++) {
      const to = (x * shape[1] + y) * shape[2] + box.start[2];
      for (let z = 0; z < size[2]; z++, from++) {
        const component = components.labels[from] as number;
        if (component !== 0 && component !== largest) labels[to + z] = 0;
      }
    }
  }
}
