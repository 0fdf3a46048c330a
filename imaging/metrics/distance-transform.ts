import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Vec3 } from '../volume.ts';
import { voxelCount } from '../volume.ts';

/*
 * Exact Euclidean distance transform by lower envelopes of parabolas, one axis after the other (Felzenszwalb and
 * Huttenlocher, "Distance transforms of sampled functions", 2012), with voxel sizes as sample positions.
 */

// Lines of a strided axis are taken together, so that each cache line that is fetched is used whole.
const LINES_AT_ONCE = 16;

/** Scratch of one 1-D transform. */
interface Envelope {
  /** Sample positions of the parabolas of the lower envelope. */
  readonly vertices: Int32Array;
  /** Where (mm) each of them begins to be the lowest. */
  readonly starts: Float64Array;
}

/**
 * For every voxel the squared distance (mm²) to the nearest non-zero voxel of the mask [x][y][z]; Infinity everywhere
 * where the mask is empty. Throws `internal` where mask and shape disagree.
 */
export function squaredDistanceTransform(mask: Uint8Array, shape: Vec3, spacingMm: Vec3): Float32Array {
  if (mask.length !== voxelCount(shape)) {
    throw new VoxhelmError('internal', `a mask of ${mask.length} voxels does not have the shape ${shape.join('x')}`);
  }
  const distances = new Float32Array(mask.length);
  nearestAlongLines(mask, distances, shape[2], spacingMm[2]);
  transformAxis(distances, shape[0], shape[1], shape[2], spacingMm[1]);
  transformAxis(distances, 1, shape[0], shape[1] * shape[2], spacingMm[0]);
  return distances;
}

/** The first axis needs no envelope: two sweeps along each contiguous line of a mask. */
function nearestAlongLines(mask: Uint8Array, distances: Float32Array, length: number, spacingMm: number): void {
  for (let line = 0; line < mask.length; line += length) {
    let steps = Infinity;
    for (let i = line; i < line + length; i++) {
      steps = mask[i] === 0 ? steps + 1 : 0;
      distances[i] = steps;
    }
    steps = Infinity;
    for (let i = line + length - 1; i >= line; i--) {
      steps = mask[i] === 0 ? steps + 1 : 0;
      const nearest = Math.min(steps, distances[i] as number) * spacingMm;
      distances[i] = nearest * nearest;
    }
  }
}

/** Transforms the middle axis of an array [outer][length][inner] in place. */
function transformAxis(distances: Float32Array, outer: number, length: number, inner: number, spacingMm: number): void {
  const values = new Float64Array(length * LINES_AT_ONCE);
  const envelope: Envelope = { vertices: new Int32Array(length), starts: new Float64Array(length + 1) };
  for (let block = 0; block < outer; block++) {
    const base = block * length * inner;
    for (let first = 0; first < inner; first += LINES_AT_ONCE) {
      const lines = Math.min(LINES_AT_ONCE, inner - first);
      for (let i = 0; i < length; i++) {
        const from = base + i * inner + first;
        for (let line = 0; line < lines; line++) values[line * length + i] = distances[from + line] as number;
      }
      for (let line = 0; line < lines; line++) {
        transformLine(values, line * length, length, spacingMm, envelope, distances, base + first + line, inner);
      }
    }
  }
}

/** The transform of values[offset..offset+length), written to distances[to + i * stride]. */
function transformLine(
  values: Float64Array,
  offset: number,
  length: number,
  spacingMm: number,
  { vertices, starts }: Envelope,
  distances: Float32Array,
  to: number,
  stride: number,
): void {
  let top = -1;
  for (let i = 0; i < length; i++) {
    const value = values[offset + i] as number;
    if (value === Infinity) continue;
    const position = i * spacingMm;
    const height = value + position * position;
    let start = -Infinity;
    while (top >= 0) {
      const below = vertices[top] as number;
      const belowMm = below * spacingMm;
      start = (height - (values[offset + below] as number) - belowMm * belowMm) / (2 * (position - belowMm));
      if (start > (starts[top] as number)) break;
      top -= 1;
      start = -Infinity;
    }
    top += 1;
    vertices[top] = i;
    starts[top] = start;
  }
  if (top < 0) return; // No finite sample: the line stays infinite.
  starts[top + 1] = Infinity;
  let current = 0;
  for (let i = 0; i < length; i++) {
    const position = i * spacingMm;
    while ((starts[current + 1] as number) < position) current += 1;
    const vertex = vertices[current] as number;
    const away = position - vertex * spacingMm;
    distances[to + i * stride] = away * away + (values[offset + vertex] as number);
  }
}
