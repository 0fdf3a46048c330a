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

/** The smallest box that holds every voxel of this value; null where there is none. */
export function boxOfValue(labels: ArrayLike<number>, shape: Vec3, value: number): Box | null {
  const [sizeX, sizeY, sizeZ] = shape;
  let startX = sizeX;
  let startY = sizeY;
  let startZ = sizeZ;
  let endX = 0;
  let endY = 0;
  let endZ = 0;
  let index = 0;
  for (let x = 0; x < sizeX; x++) {
    for (let y = 0; y < sizeY; y++) {
      for (let z = 0; z < sizeZ; z++, index++) {
        if (labels[index] !== value) continue;
        if (x < startX) startX = x;
        endX = x + 1;
        if (y < startY) startY = y;
        if (y >= endY) endY = y + 1;
        if (z < startZ) startZ = z;
        if (z >= endZ) endZ = z + 1;
      }
    }
  }
  return endX === 0 ? null : { start: [startX, startY, startZ], end: [endX, endY, endZ] };
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
 * Turns every voxel of `value` outside its largest 26-connected component into background (0), in place. Of equally
 * large components the first in the array's order stays. A value that does not occur changes nothing.
 */
export function keepLargestComponent(labels: LabelData, shape: Vec3, value: number): void {
  const box = boxOfValue(labels, shape, value);
  if (box === null) return;
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
