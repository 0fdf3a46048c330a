import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bfloat16ToNumber, halfToNumber } from './numbers.ts';
import { readPickle } from './pickle.ts';
import { readStateDict } from './state-dict.ts';
import { isZip, readZip } from './zip.ts';

const SAMPLE = join(import.meta.dirname, '../../tests/parity/checkpoints/unet-plain.pt');

function pickle(...parts: (number | string)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...Buffer.from(part)])));
}

test('a pickle that names a function of Python is refused by its name, and nothing is called', () => {
  // What pickle.dumps of an object with __reduce__ = (os.system, ("touch /tmp/voxhelm-pwned",)) holds.
  const hostile = pickle(0x80, 2, 'cposix\nsystem\n', 'X', 5, 0, 0, 0, 'touch', 0x85, 'R', '.');
  expect(() => readPickle(hostile, new Set())).toThrow(/"posix\.system"/);
  expect(() => readPickle(hostile, new Set(['collections.OrderedDict']))).toThrow(/"posix\.system"/);
  const stackGlobal = pickle(0x80, 4, 0x8c, 8, 'builtins', 0x8c, 4, 'eval', 0x93, '.');
  expect(() => readPickle(stackGlobal, new Set())).toThrow(/"builtins\.eval"/);
  expect(() => readPickle(pickle(0x80, 2, 'i', '.'), new Set())).toThrow(/opcode 0x69/);
});

test('dictionaries, lists, numbers and the memo are read', () => {
  // {"a": [1, -2, 2.5, None, True, 2**40], "b": the same list}
  const bytes = pickle(
    ...[0x80, 2, '}', '(', 'X', 1, 0, 0, 0, 'a', ']', 'q', 7, '(', 'K', 1, 'J', 0xfe, 0xff, 0xff, 0xff],
    ...[
      'G',
      0x40,
      0x04,
      0,
      0,
      0,
      0,
      0,
      0,
      'N',
      0x88,
      0x8a,
      6,
      0,
      0,
      0,
      0,
      0,
      1,
      'e',
      'X',
      1,
      0,
      0,
      0,
      'b',
      'h',
      7,
      'u',
      '.',
    ],
  );
  const value = readPickle(bytes, new Set()) as Map<string, unknown>;
  expect(value.get('a')).toEqual([1, -2, 2.5, null, true, 2 ** 40]);
  expect(value.get('b')).toBe(value.get('a'));
});

test('cut files are refused as damaged, wherever they are cut', async () => {
  const bytes = new Uint8Array(await readFile(SAMPLE));
  expect(isZip(bytes)).toBe(true);
  for (const length of [30, 2_000, bytes.length - 40, bytes.length - 1]) {
    expect(() => readStateDict(bytes.subarray(0, length))).toThrow(/cut off|no directory|not a readable/);
  }
  expect(readZip(bytes).size).toBeGreaterThanOrEqual(50);
});

test('half and bfloat16 numbers, subnormal and infinite ones included', () => {
  expect([0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0xfc00].map(halfToNumber)).toEqual([
    1,
    -2,
    65_504,
    2 ** -24,
    2 ** -14,
    Number.NEGATIVE_INFINITY,
  ]);
  expect(halfToNumber(0x7e00)).toBeNaN();
  expect([0x3f80, 0xc049, 0x7f80].map(bfloat16ToNumber)).toEqual([1, -3.140625, Number.POSITIVE_INFINITY]);
});
