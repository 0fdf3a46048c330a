import { type Tensor, tf } from '@voxhelm/nn/engine';
import type { Triple } from './network-options.ts';

/*
 * Cutting a volume into windows, shifting it, padding it, and joining neighbours are all the same: tokens in another order.
 * Each is one gather by a table that depends on shapes alone, and its gradient is the gather by the inverse table.
 */

/** Where each position of the new order comes from. Positions of -1 are padding: tokens of zeros. */
export interface TokenOrder {
  readonly from: Int32Array;
  /** Where each token of the old order goes; every token goes somewhere. */
  readonly to: Int32Array;
}

function orderOf(from: Int32Array, tokens: number): TokenOrder {
  const to = new Int32Array(tokens);
  from.forEach((token, position) => {
    if (token >= 0) to[token] = position;
  });
  return { from, to };
}

/** The axes of windows: each axis padded at its end to whole windows. */
export function paddedTo(size: Triple, window: Triple): Triple {
  return size.map((n, axis) => Math.ceil(n / (window[axis] as number)) * (window[axis] as number)) as unknown as Triple;
}

/**
 * The order [window x, window y, window z, token in window] of a volume's tokens, the volume rolled back by `shift` first
 * (position p reads p + shift, around the padded end).
 */
export function windowOrder(size: Triple, window: Triple, shift: Triple): TokenOrder {
  const padded = paddedTo(size, window);
  const from = new Int32Array(padded[0] * padded[1] * padded[2]);
  let at = 0;
  eachWindowPosition(padded, window, (position) => {
    const [x, y, z] = position.map((p, axis) => (p + (shift[axis] as number)) % (padded[axis] as number)) as [
      number,
      number,
      number,
    ];
    const inside = x < size[0] && y < size[1] && z < size[2];
    from[at++] = inside ? (x * size[1] + y) * size[2] + z : -1;
  });
  return orderOf(from, size[0] * size[1] * size[2]);
}

function eachWindowPosition(padded: Triple, window: Triple, visit: (position: Triple) => void): void {
  for (let wx = 0; wx < padded[0]; wx += window[0])
    for (let wy = 0; wy < padded[1]; wy += window[1])
      for (let wz = 0; wz < padded[2]; wz += window[2])
        for (let x = wx; x < wx + window[0]; x++)
          for (let y = wy; y < wy + window[1]; y++) for (let z = wz; z < wz + window[2]; z++) visit([x, y, z]);
}

/**
 * For each window and token the region of the rolled volume that it lies in: tokens of different regions were no neighbours
 * before rolling and may not attend to each other. A window lies across at most two regions an axis (only the last does, where
 * the volume's end meets its beginning), so a binary digit an axis tells them apart. [windows * tokens in a window].
 */
export function windowRegions(size: Triple, window: Triple, shift: Triple): Int32Array {
  const padded = paddedTo(size, window);
  const digit = (p: number, axis: number): number => (p < (padded[axis] as number) - (shift[axis] as number) ? 0 : 1);
  const regions = new Int32Array(padded[0] * padded[1] * padded[2]);
  let at = 0;
  eachWindowPosition(padded, window, ([x, y, z]) => {
    regions[at++] = (digit(x, 0) * 2 + digit(y, 1)) * 2 + digit(z, 2);
  });
  return regions;
}

/**
 * For each pair of the first `tokens` tokens of a window the row of its bias table. For a window that shrank to fewer tokens
 * MONAI takes the corner of the whole window's matrix, which is not the small window's geometry; so does this.
 */
export function relativePositions(window: Triple, tokens: number): Int32Array {
  const [wx, wy, wz] = window;
  const place = (token: number): Triple => [Math.floor(token / (wy * wz)), Math.floor(token / wz) % wy, token % wz];
  const rows = new Int32Array(tokens * tokens);
  for (let i = 0; i < tokens; i++) {
    const [xi, yi, zi] = place(i);
    for (let j = 0; j < tokens; j++) {
      const [xj, yj, zj] = place(j);
      rows[i * tokens + j] =
        ((xi - xj + wx - 1) * (2 * wy - 1) + (yi - yj + wy - 1)) * (2 * wz - 1) + (zi - zj + wz - 1);
    }
  }
  return rows;
}

/** The order in which MONAI's merging joins eight neighbours, as offsets along x, y, z. */
const NEIGHBOURS = {
  merging: ['000', '100', '010', '001', '110', '101', '011', '111'],
  mergingv2: ['000', '001', '010', '011', '100', '101', '110', '111'],
} as const;

/** The order [x / 2, y / 2, z / 2, neighbour] of a volume's tokens; odd axes are padded by one. */
export function mergingOrder(size: Triple, mode: keyof typeof NEIGHBOURS): TokenOrder {
  const half = size.map((n) => Math.ceil(n / 2)) as unknown as Triple;
  const offsets = NEIGHBOURS[mode].map((text) => [...text].map(Number) as unknown as Triple);
  const from = new Int32Array(half[0] * half[1] * half[2] * offsets.length);
  let at = 0;
  for (let hx = 0; hx < half[0]; hx++)
    for (let hy = 0; hy < half[1]; hy++)
      for (let hz = 0; hz < half[2]; hz++)
        for (const [ox, oy, oz] of offsets) {
          const [x, y, z] = [2 * hx + ox, 2 * hy + oy, 2 * hz + oz];
          from[at++] = x < size[0] && y < size[1] && z < size[2] ? (x * size[1] + y) * size[2] + z : -1;
        }
  return orderOf(from, size[0] * size[1] * size[2]);
}

/** Tokens [batch, token, channel] by a table; -1 gives zeros. */
function take(x: Tensor, table: Int32Array): Tensor {
  const [batch, tokens, channels] = x.shape as [number, number, number];
  if (!table.includes(-1)) return tf.gather(x, tf.tensor1d(table, 'int32'), 1);
  const withZero = tf.concat([x, tf.zeros([batch, 1, channels])], 1);
  return tf.gather(
    withZero,
    tf.tensor1d(
      table.map((token) => (token < 0 ? tokens : token)),
      'int32',
    ),
    1,
  );
}

/** Tokens in a new order. `x`: [batch, tokens of the old order, channel]. */
export function reorder(x: Tensor, { from, to }: TokenOrder): Tensor {
  return gatherBothWays(x, from, to);
}

/** Tokens back in the old order, padding dropped. `x`: [batch, positions of the new order, channel]. */
export function restore(x: Tensor, { from, to }: TokenOrder): Tensor {
  return gatherBothWays(x, to, from);
}

function gatherBothWays(x: Tensor, forward: Int32Array, backward: Int32Array): Tensor {
  const op = tf.customGrad((...inputs) => {
    const [input] = inputs as unknown as [Tensor];
    return { value: take(input, forward), gradFunc: (dy: Tensor) => take(dy, backward) };
  });
  return op(x);
}
