/*
 * Counter-keyed randomness: every stream of draws is a pure function of its keys, never of what was drawn elsewhere,
 * so that a training resumed at step 700 draws what an undisturbed one drew at step 700.
 */

/** Uniform draws in [0, 1) with 32 bits each. */
export type Random = () => number;

// FNV-1a (32 bits) takes the keys in; the finaliser of MurmurHash3 spreads each word of the state.
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

function hashKeys(keys: readonly (number | string)[], salt: number): number {
  let hash = FNV_OFFSET ^ salt;
  for (const key of keys) {
    // The type and the length separate (1, 23) from (12, 3) and 1 from '1'.
    const text = typeof key === 'number' ? `n${key}` : `s${key.length}:${key}`;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), FNV_PRIME);
    hash = Math.imul(hash ^ 0x2c, FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The stream of uniform numbers in [0, 1) that belongs to these keys, for example `seededRandom(seed, 'patch', step)`.
 * Generator: sfc32 of Chris Doty-Humphrey's PractRand, 12 warm-up rounds as its author advises.
 */
export function seededRandom(...keys: (number | string)[]): Random {
  let a = hashKeys(keys, 0x9e3779b9) | 0;
  let b = hashKeys(keys, 0x243f6a88) | 0;
  let c = hashKeys(keys, 0xb7e15162) | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4294967296;
  };
  for (let round = 0; round < 12; round++) next();
  return next;
}

/** A uniform draw in [low, high). */
export function uniformBetween(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

/** A uniform whole number in 0..bound-1. `bound` must be at least 1. */
export function randomIndex(random: Random, bound: number): number {
  return Math.floor(random() * bound);
}

/** Standard normal draws (Box-Muller, both values of a pair used) from a uniform stream. */
export function normalDraws(random: Random): Random {
  let spare = 0;
  let hasSpare = false;
  return () => {
    if (hasSpare) {
      hasSpare = false;
      return spare;
    }
    // 1 - u is in (0, 1], so the logarithm is finite.
    const radius = Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    spare = radius * Math.sin(angle);
    hasSpare = true;
    return radius * Math.cos(angle);
  };
}

/** A random order of 0..length-1 that is a pure function of the keys (Fisher-Yates). */
export function seededPermutation(length: number, ...keys: (number | string)[]): Uint32Array {
  const random = seededRandom(...keys);
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let i = length - 1; i > 0; i--) {
    const j = randomIndex(random, i + 1);
    const kept = order[i] as number;
    order[i] = order[j] as number;
    order[j] = kept;
  }
  return order;
}
