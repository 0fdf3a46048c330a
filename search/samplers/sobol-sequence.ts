import { hashByKeys } from '../random.ts';

/*
 * The Sobol sequence with Owen's nested uniform scrambling, by hashing (Laine and Karras 2011; Burley 2020, "Practical
 * hash-based Owen scrambling"). Any point of it is computed alone, so that an ask depends on its number only.
 */

/** Degree, inner coefficients and initial numbers of the first dimensions (Joe and Kuo 2008, new-joe-kuo-6). */
const TABLE: readonly (readonly [number, number, readonly number[]])[] = [
  [1, 0, [1]],
  [2, 1, [1, 3]],
  [3, 1, [1, 3, 1]],
  [3, 2, [1, 1, 1]],
  [4, 1, [1, 1, 3, 3]],
  [4, 4, [1, 3, 5, 13]],
  [5, 2, [1, 1, 5, 5, 17]],
  [5, 4, [1, 1, 5, 5, 5]],
  [5, 7, [1, 1, 7, 11, 19]],
  [5, 11, [1, 1, 5, 1, 1]],
  [5, 13, [1, 1, 1, 3, 11]],
  [5, 14, [1, 3, 5, 5, 31]],
  [6, 1, [1, 3, 3, 9, 7, 49]],
  [6, 13, [1, 1, 1, 15, 21, 21]],
  [6, 16, [1, 3, 1, 13, 27, 49]],
  [6, 19, [1, 1, 1, 15, 7, 5]],
  [6, 22, [1, 3, 1, 15, 13, 25]],
  [6, 25, [1, 1, 5, 5, 19, 61]],
  [7, 1, [1, 3, 7, 11, 23, 15, 103]],
  [7, 4, [1, 3, 7, 13, 13, 15, 69]],
];
/** Dimensions with numbers of their own; further ones take the same in an order of the points of their own. */
const DIMENSIONS = TABLE.length + 1;

/** The 32 direction numbers of a dimension. */
function directions(dimension: number): Uint32Array {
  const numbers = new Uint32Array(32);
  const row = TABLE[dimension - 1];
  if (row === undefined) return numbers.map((_, bit) => 1 << (31 - bit));
  const [degree, coefficients, initial] = row;
  for (let bit = 0; bit < 32; bit++) {
    const first = initial[bit];
    if (first !== undefined) {
      numbers[bit] = first << (31 - bit);
      continue;
    }
    const old = numbers[bit - degree] as number;
    let value = old ^ (old >>> degree);
    for (let k = 1; k < degree; k++) {
      if ((coefficients >>> (degree - 1 - k)) & 1) value ^= numbers[bit - k] as number;
    }
    numbers[bit] = value;
  }
  return numbers;
}

const DIRECTIONS = Array.from({ length: DIMENSIONS }, (_, dimension) => directions(dimension));

function reverseBits(value: number): number {
  let x = value;
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8);
  return ((x >>> 16) | (x << 16)) >>> 0;
}

/** Burley's hash in which each bit depends on lower bits only: with the bits reversed, a nested uniform scramble. */
function scramble(value: number, seed: number): number {
  let x = reverseBits(value);
  x ^= Math.imul(x, 0x3d20adea);
  x = (x + seed) | 0;
  x = Math.imul(x, (seed >>> 16) | 1);
  x ^= Math.imul(x, 0x05526c56);
  x ^= Math.imul(x, 0x53a22864);
  return reverseBits(x);
}

/** Coordinate `dimension` of point `index` of the scrambled sequence that `seed` picks, in [0, 1). */
export function sobol(seed: number, index: number, dimension: number): number {
  const group = Math.floor(dimension / DIMENSIONS);
  const numbers = DIRECTIONS[dimension % DIMENSIONS] as Uint32Array;
  let bits = group === 0 ? index : scramble(index, hashByKeys(seed, 'order', group));
  let value = 0;
  for (let bit = 0; bits !== 0; bit++, bits >>>= 1) if (bits & 1) value ^= numbers[bit] as number;
  return scramble(value, hashByKeys(seed, 'axis', dimension)) / 2 ** 32;
}
