/*
 * Draws keyed by (seed, trial number, parameter path): a parameter's value depends on nothing else, so that an `ask`
 * that is tried again, or one in another order, gives the same point.
 */

/** FNV-1a (32 bits) over the key's text, then MurmurHash3's finaliser, which spreads every bit of it. */
function hashText(text: string, salt: number): number {
  let hash = (0x811c9dc5 ^ salt) | 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** One uniform draw in [0, 1) with 53 bits: a pure function of the keys. */
export function uniformByKeys(...keys: readonly (number | string)[]): number {
  const text = JSON.stringify(keys);
  const high = hashText(text, 0x9e3779b9) >>> 5;
  const low = hashText(text, 0x243f6a88) >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
}

/** One standard normal draw (Box-Muller): a pure function of the keys. */
export function normalByKeys(...keys: readonly (number | string)[]): number {
  // 1 - u lies in (0, 1], so the logarithm is finite.
  const radius = Math.sqrt(-2 * Math.log(1 - uniformByKeys(...keys, 'radius')));
  return radius * Math.cos(2 * Math.PI * uniformByKeys(...keys, 'angle'));
}
