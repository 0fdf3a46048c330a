import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bfloat16ToNumber, halfToNumber } from './numbers.ts';
import { readPickle } from './pickle.ts';
import { readStateDict } from './state-dict.ts';
import { isZip, readZip } from './zip.ts';

const TORCH_FILES = join(import.meta.dirname, '../fixtures/torch-files');
const SAMPLE = join(import.meta.dirname, '../../tests/parity/checkpoints/unet-plain.pt');

function pickle(...parts: (number | string)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...Buffer.from(part)])));
}

/** A file in torch's older format: its three headings, then pickles and storages as they are given. */
function legacyFile(...rest: Uint8Array[]): Uint8Array {
  const magic = pickle(0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.');
  return Buffer.concat([magic, pickle(0x80, 2, 'M', 0xe9, 3, '.'), pickle(0x80, 2, '}', '.'), ...rest]);
}

// What pickle.dumps of an object with __reduce__ = (os.system, ("touch /tmp/voxhelm-pwned",)) holds.
const HOSTILE = ['cposix\nsystem\n', 'X', 5, 0, 0, 0, 'touch', 0x85, 'R'];

test('a call of a function of Python stays a name with its argument, and is no weights', () => {
  expect(readPickle(pickle(0x80, 2, ...HOSTILE, '.')).value).toEqual({ global: 'posix.system', args: ['touch'] });
  const stackGlobal = pickle(0x80, 4, 0x8c, 8, 'builtins', 0x8c, 4, 'eval', 0x93, '.');
  expect(readPickle(stackGlobal).value).toEqual({ global: 'builtins.eval', args: null });
  const empty = pickle(0x80, 2, ']', '.');
  expect(() => readStateDict(legacyFile(pickle(0x80, 2, ...HOSTILE, '.'), empty))).toThrow(/"posix\.system"/);
  const inside = pickle(0x80, 2, '}', 'X', 1, 0, 0, 0, 'w', ...HOSTILE, 's', '.');
  expect(() => readStateDict(legacyFile(inside, empty))).toThrow(/"w" is a "posix\.system"/);
  expect(() => readPickle(pickle(0x80, 2, 'i', '.'))).toThrow(/opcode 0x69/);
});

test('what a call of a call makes is never taken for a tensor, and a name without an end does not read on', () => {
  const twice = pickle(0x80, 2, 'ctorch._utils\n_rebuild_tensor_v2\n', ')R', ')R', '.');
  expect(readPickle(twice).value).toEqual({ global: 'torch._utils._rebuild_tensor_v2()', args: [] });
  expect(() => readPickle(pickle(0x80, 2, 'cposix'))).toThrow(/cut off/);
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
  const value = readPickle(bytes).value as Map<string, unknown>;
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

/** A file that torch wrote (fixtures/torch-files/make.py). */
async function torchFile(name: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(join(TORCH_FILES, name)));
}

const FILES = ['legacy.pt', 'legacy-protocol-4.pt', 'legacy-views.pt', 'legacy-beside.pt', 'beside.pt'];

test.each(FILES)('%s is read as torch reads it: tied, transposed and partial views, every type', async (name) => {
  const all = JSON.parse(await readFile(join(TORCH_FILES, 'expected.json'), 'utf8')) as Record<
    string,
    Record<string, { shape: number[]; values: number[] }>
  >;
  const { tensors } = readStateDict(await torchFile(name));
  const read = [...tensors].map(([key, { shape, data }]) => [key, { shape, values: [...data] }]);
  const expected = Object.entries(all[name] ?? {}).map(([key, { shape, values }]) => [
    key,
    { shape, values: values.map(Math.fround) },
  ]);
  expect(expected.length).toBeGreaterThanOrEqual(2);
  expect(read).toEqual(expected);
});

test('a file of the older format that is cut off is refused in words, wherever it is cut', async () => {
  const bytes = await torchFile('legacy.pt');
  for (let length = 24; length < bytes.length; length += 5) {
    expect(() => readStateDict(bytes.subarray(0, length)), `${length}`).toThrow(/cut off/);
  }
  expect(() => readStateDict(bytes.subarray(0, bytes.length - 3))).toThrow(/cut off in storage 5 of 5/);
});

test('weights that only Python code can make are refused by the name of their class', async () => {
  const refusals = {
    'module-legacy.pt': /its object is a "__main__\.Net"/,
    'module.pt': /"model" is a "__main__\.Net"/,
    'numpy.pt': /"b\.weight" is a "numpy\._core\.multiarray\._reconstruct"/,
    'sparse.pt': /"weight" is a "torch\._utils\._rebuild_sparse_tensor"/,
  };
  for (const [name, refusal] of Object.entries(refusals)) {
    const bytes = await torchFile(name);
    expect(() => readStateDict(bytes), name).toThrow(refusal);
  }
});

test('a parameter that holds itself is refused in words', () => {
  const dictionary = ['}', 'X', 1, 0, 0, 0, 'w'];
  const parameter = ['ctorch._utils\n_rebuild_parameter\n', ']', 'q', 0, 'R', 'q', 1, 'h', 0, 'h', 1, 'a', '0'];
  const file = legacyFile(pickle(0x80, 2, ...dictionary, ...parameter, 's', '.'), pickle(0x80, 2, ']', '.'));
  expect(() => readStateDict(file)).toThrow(/a tensor cannot be read/);
});

test('what is neither a safetensors file nor one of torch is told so', () => {
  expect(() => readStateDict(Buffer.from('a file of something else'))).toThrow(
    /neither a safetensors file nor one that/,
  );
  expect(() => readStateDict(legacyFile(pickle(0x80, 2, ']', '.'), pickle(0x80, 2, ']', '.')))).toThrow(
    /no dictionary/,
  );
  expect(() => readStateDict(legacyFile(pickle(0x80, 2, '}', '.'), pickle(0x80, 2, ']', '.')))).toThrow(
    /no tensor.*it is empty/,
  );
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
