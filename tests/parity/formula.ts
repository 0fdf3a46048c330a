/*
 * The formula by which the reference files define weights and inputs, so that nothing large is stored:
 * u(n,k)[i]: uint32 h = i*2654435761 + (k*40503+12345); h ^= h>>>16; h = h*2246822519; h ^= h>>>13; u = h/2^32-0.5
 */

/** The first `length` values of u(., k), in -0.5..0.5, each times `factor` plus `offset`. */
export function formulaValues(length: number, k: number, factor = 1, offset = 0): Float32Array {
  const values = new Float32Array(length);
  const start = (Math.imul(k, 40503) + 12345) >>> 0;
  for (let i = 0; i < length; i++) {
    let h = (Math.imul(i, 2654435761) + start) >>> 0;
    h = (h ^ (h >>> 16)) >>> 0;
    h = Math.imul(h, 2246822519) >>> 0;
    h = (h ^ (h >>> 13)) >>> 0;
    values[i] = (h / 4294967296 - 0.5) * factor + offset;
  }
  return values;
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** [channel][x][y][z] of each item as [batch, x, y, z, channel]. */
export function channelsLast(values: Float32Array, shape: readonly number[]): Float32Array {
  const [batch = 1, channels = 1] = shape;
  const voxels = sizeOf(shape.slice(2));
  const out = new Float32Array(values.length);
  for (let b = 0; b < batch; b++)
    for (let c = 0; c < channels; c++)
      for (let v = 0; v < voxels; v++)
        out[(b * voxels + v) * channels + c] = values[(b * channels + c) * voxels + v] as number;
  return out;
}

/** The inverse of {@link channelsLast}; `shape` is [batch, channel, x, y, z]. */
export function channelsFirst(values: Float32Array, shape: readonly number[]): Float32Array {
  const [batch = 1, channels = 1] = shape;
  const voxels = sizeOf(shape.slice(2));
  const out = new Float32Array(values.length);
  for (let b = 0; b < batch; b++)
    for (let c = 0; c < channels; c++)
      for (let v = 0; v < voxels; v++)
        out[(b * channels + c) * voxels + v] = values[(b * voxels + v) * channels + c] as number;
  return out;
}

/** Euclidean norm, in double precision. */
export function l2(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) ** 2;
  return Math.sqrt(sum);
}
