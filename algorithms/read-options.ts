import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * Reads a network's options by the reference's names: each wrong or unknown one is refused by its name.
 */

/** Three numbers along x, y, z. */
type Triple = readonly [number, number, number];

/** Reads the options of one network class. Every method throws `invalid-request` naming the option. */
export interface OptionReader {
  /** The error for an option with a value that does not do. `wanted`: "a whole number from 1". */
  wrong(option: string, value: unknown, wanted: string): VoxhelmError;
  /** Refuses an option that holds anything but what is here, because nothing else is built. */
  only(option: string, ...allowed: readonly unknown[]): void;
  /** Refuses an option beside another that says the same: one of them would be passed over. */
  either(option: string, other: string): void;
  /** A whole number from 1. */
  count(option: string, standard?: number): number;
  /** One whole number from 1 for each of `length` entries; a single number stands for all of them. */
  counts(option: string, length: number, standard?: number): number[];
  /** Three whole numbers from 1 for each of `length` entries; a number stands for three, and a single entry for all. */
  triples(option: string, length: number): Triple[];
  /** Three whole numbers from 1; a number stands for three. */
  triple(option: string): Triple;
  flag(option: string, standard: boolean): boolean;
  /** A number within bounds. */
  number(option: string, standard: number, low: number, high: number): number;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1;
}

function toTriple(value: unknown): Triple | null {
  if (isCount(value)) return [value, value, value];
  return Array.isArray(value) && value.length === 3 && value.every(isCount) ? (value as unknown as Triple) : null;
}

/** A reader of `options`; throws `invalid-request` for an option that is not in `known`. */
export function optionReader(
  className: string,
  options: Readonly<Record<string, unknown>>,
  known: readonly string[],
): OptionReader {
  const wrong = (option: string, value: unknown, wanted: string): VoxhelmError =>
    new VoxhelmError(
      'invalid-request',
      `${className} option ${option} is ${value === undefined ? 'not given' : JSON.stringify(value)}`,
      {
        fix: `Give ${wanted}.`,
        details: { option, value: value ?? null },
      },
    );
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) throw wrong(unknown, options[unknown], `one of the options ${known.join(', ')}`);
  return {
    wrong,
    only(option, ...allowed) {
      const value = options[option];
      if (value === undefined || allowed.some((each) => JSON.stringify(each) === JSON.stringify(value))) return;
      throw wrong(option, value, allowed.map((each) => JSON.stringify(each)).join(' or '));
    },
    either(option, other) {
      if (options[option] == null || options[other] == null) return;
      throw wrong(option, options[option], `${option} or ${other}, not both`);
    },
    count(option, standard) {
      const value = options[option] ?? standard;
      if (!isCount(value)) throw wrong(option, value, 'a whole number from 1');
      return value;
    },
    counts(option, length, standard) {
      const value = options[option] ?? standard;
      const list = isCount(value) ? Array<unknown>(length).fill(value) : value;
      if (Array.isArray(list) && list.length === length && list.every(isCount)) return [...list];
      throw wrong(option, value, `${length} whole numbers from 1`);
    },
    triples(option, length) {
      const value = options[option];
      const list = Array.isArray(value) ? value.map(toTriple) : Array(length).fill(toTriple(value));
      if (list.length === length && list.every((triple) => triple !== null)) return list as Triple[];
      throw wrong(option, value, `${length} sizes, each a whole number from 1 or three of them`);
    },
    triple(option) {
      const triple = toTriple(options[option]);
      if (triple === null) throw wrong(option, options[option], 'a whole number from 1, or three of them');
      return triple;
    },
    flag(option, standard) {
      const value = options[option] ?? standard;
      if (typeof value !== 'boolean') throw wrong(option, value, 'true or false');
      return value;
    },
    number(option, standard, low, high) {
      const value = options[option] ?? standard;
      if (typeof value !== 'number' || !(value >= low && value <= high)) {
        throw wrong(option, value, `a number between ${low} and ${high}`);
      }
      return value;
    },
  };
}
