import { VoxhelmError } from '@voxhelm/contracts/errors';
import { MARK, type Persistent, PickleMachine, refuse, type Value } from './pickle-machine.ts';

/*
 * Python's pickle, read as data. A pickle is a program for a small stack machine, which may name any function of Python and
 * have it called; that is why such files are dangerous. Here nothing is ever called: names are kept as names with their
 * arguments, of which `pytorch.ts` knows those that make tensors; the rest means nothing. Other opcodes are refused.
 * Format: CPython's Lib/pickletools.py; protocols 2 to 5 as far as torch.save writes them.
 */

const STOP = 0x2e;

/** Little-endian two's complement of any length. */
function longOf(bytes: Uint8Array): Value {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  if (bytes.length > 0 && ((bytes.at(-1) as number) & 0x80) !== 0) value -= 1n << BigInt(8 * bytes.length);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function tuple(machine: PickleMachine, length: number): void {
  const items = Array.from({ length }, () => machine.pop()).reverse();
  machine.push(items);
}

const OPERATIONS: Readonly<Record<number, (machine: PickleMachine) => unknown>> = {
  0x80: (m) => m.byte(), // PROTO
  0x95: (m) => m.uint64(), // FRAME
  0x28: (m) => m.push(MARK),
  0x4e: (m) => m.push(null),
  0x88: (m) => m.push(true),
  0x89: (m) => m.push(false),
  0x4a: (m) => m.push(m.int32()), // BININT
  0x4b: (m) => m.push(m.byte()), // BININT1
  0x4d: (m) => m.push(m.int16()), // BININT2
  0x8a: (m) => m.push(longOf(m.take(m.byte()))), // LONG1
  0x8b: (m) => m.push(longOf(m.take(m.uint32()))), // LONG4
  0x47: (m) => m.push(m.float64()), // BINFLOAT
  0x58: (m) => m.push(m.text(m.uint32())), // BINUNICODE
  0x8c: (m) => m.push(m.text(m.byte())), // SHORT_BINUNICODE
  0x8d: (m) => m.push(m.text(m.uint64())), // BINUNICODE8
  0x54: (m) => m.push(m.text(m.uint32())), // BINSTRING
  0x55: (m) => m.push(m.text(m.byte())), // SHORT_BINSTRING
  0x42: (m) => m.push(m.take(m.uint32())), // BINBYTES
  0x43: (m) => m.push(m.take(m.byte())), // SHORT_BINBYTES
  0x8e: (m) => m.push(m.take(m.uint64())), // BINBYTES8
  0x96: (m) => m.push(m.take(m.uint64())), // BYTEARRAY8
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x29: (m) => m.push([]), // EMPTY_TUPLE
  0x85: (m) => tuple(m, 1),
  0x86: (m) => tuple(m, 2),
  0x87: (m) => tuple(m, 3),
  0x74: (m) => m.push(m.toMark()), // TUPLE
  0x6c: (m) => m.push(m.toMark()), // LIST
  0x8f: (m) => m.push([]), // EMPTY_SET
  0x90: (m) => m.append(m.toMark()), // ADDITEMS
  0x91: (m) => m.push(m.toMark()), // FROZENSET
  0x30: (m) => m.pop(),
  0x31: (m) => m.toMark(), // POP_MARK
  0x32: (m) => m.push(m.top()), // DUP
  0x61: (m) => m.append([m.pop()]), // APPEND
  0x65: (m) => m.append(m.toMark()), // APPENDS
  0x73: (m) => m.put([m.pop(), m.pop()].reverse()), // SETITEM
  0x75: (m) => m.put(m.toMark()), // SETITEMS
  0x71: (m) => m.store(m.byte()), // BINPUT
  0x72: (m) => m.store(m.uint32()), // LONG_BINPUT
  0x94: (m) => m.memoize(),
  0x68: (m) => m.fetch(m.byte()), // BINGET
  0x6a: (m) => m.fetch(m.uint32()), // LONG_BINGET
  0x63: (m) => m.global(`${m.line()}.${m.line()}`), // GLOBAL
  0x93: (m) => m.global([m.pop(), m.pop()].reverse().join('.')), // STACK_GLOBAL
  0x52: (m) => m.call(m.pop(), m.pop()), // REDUCE
  0x81: (m) => m.call(m.pop(), m.pop()), // NEWOBJ
  0x92: (m) => m.call([m.pop(), m.pop()].reverse(), m.pop()), // NEWOBJ_EX
  0x62: (m) => m.build(),
  0x51: (m) => m.refer(m.pop()), // BINPERSID
};

/** A pickle that was read: what it holds, where the bytes behind it begin, what it refers to outside of itself. */
export interface ReadPickle {
  readonly value: Value;
  readonly end: number;
  readonly references: readonly Persistent[];
}

/** Runs to STOP and returns what is on the stack. */
function run(machine: PickleMachine): Value {
  for (;;) {
    const opcode = machine.byte();
    if (opcode === STOP) return machine.pop();
    const operation = OPERATIONS[opcode];
    if (operation === undefined) throw refuse(`the opcode 0x${opcode.toString(16).padStart(2, '0')}`);
    operation(machine);
  }
}

/** Reads the pickle that begins at byte `start`; throws `bad-checkpoint` where it is cut off or is no pickle of weights. */
export function readPickle(bytes: Uint8Array, start = 0): ReadPickle {
  const machine = new PickleMachine(bytes, start);
  try {
    const value = run(machine);
    return { value, end: machine.at, references: machine.references };
  } catch (error) {
    if (error instanceof RangeError) {
      throw new VoxhelmError('bad-checkpoint', "the checkpoint's pickle is cut off", { fix: 'Fetch the file again.' });
    }
    throw error;
  }
}
