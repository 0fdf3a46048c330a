import { randomBytes } from 'node:crypto';

/** Crockford's base 32: no I, L, O or U, which people misread. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** What a row's id starts with, by its table. */
export type IdPrefix =
  | 'ds'
  | 'an'
  | 'run'
  | 'trl'
  | 'art'
  | 'up'
  | 'pred'
  | 'lab'
  | 'sch'
  | 'fir'
  | 'pro'
  | 'sug'
  | 'wh'
  | 'msg';

/**
 * A new id such as `run_01k...`: 10 characters of time in milliseconds, then 80 random bits (the ULID layout), so that
 * ids sort by when they were made.
 */
export function newId(prefix: IdPrefix, nowMs: number = Date.now()): string {
  let time = '';
  for (let rest = nowMs, i = 0; i < 10; i++, rest = Math.floor(rest / 32)) time = ALPHABET.charAt(rest % 32) + time;
  let random = '';
  for (const byte of randomBytes(16)) random += ALPHABET.charAt(byte & 31);
  return `${prefix}_${time}${random}`;
}
