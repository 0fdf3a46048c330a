/*
 * Draws keyed by (seed, trial number, stream): a value depends on nothing else, so that an `ask` that is tried again, or
 * one in another order, gives the same point.
 */

type Keys = readonly (number | string)[];

/** FNV-1a (32 bits) over the key's text, then MurmurHash3's finaliser, which spreads every bit of it. */
function hashText(text: string, salt: number): number {
  let hash = (0x811c9dc5 ^ salt) | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** A 32-bit hash of the keys. */
export function hashByKeys(...keys: Keys): number {
  return hashText(JSON.stringify(keys), 0x9e3779b9);
}

/** One uniform draw in [0, 1) with 53 bits: a pure function of the keys. */
export function uniformByKeys(...keys: Keys): number {
  const text = JSON.stringify(keys);
  const high = hashText(text, 0x9e3779b9) >>> 5;
  const low = hashText(text, 0x243f6a88) >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
}

/** A stream of uniform draws in [0, 1) with 53 bits, for samplers that need many. */
export type RandomStream = () => number;

/** The stream of these keys: sfc32 (Doty-Humphrey, PractRand), seeded by four hashes of the keys. */
export function streamByKeys(...keys: Keys): RandomStream {
  const text = JSON.stringify(keys);
  let a = hashText(text, 0x9e3779b9);
  let b = hashText(text, 0x243f6a88);
  let c = hashText(text, 0xb7e15162);
  let counter = hashText(text, 0x85a308d3) | 1;
  function next(): number {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  }
  for (let i = 0; i < 12; i++) next();
  return () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53;
}

/** One standard normal draw from a stream (Box and Muller 1958). */
export function normalFrom(random: RandomStream): number {
  // 1 - u lies in (0, 1], so the logarithm is finite.
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
