import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * Python's pickle, read as data. A pickle is a program for a small stack machine, which may name any function of Python and
 * have it called; that is why such files are dangerous. Here nothing is ever called: the few names that state dicts need are
 * kept as names with their arguments, every other name and opcode is refused.
 * Format: CPython's Lib/pickletools.py; protocols 2 to 5 as far as torch.save writes them.
 */

/** A named Python object: a global, or the call of one with its arguments. Never run. */
export interface Called {
  readonly global: string;
  readonly args: readonly Value[] | null;
}

/** A reference that PyTorch resolves itself: a storage beside the pickle. */
export interface Persistent {
  readonly persistent: Value;
}

/** What a pickle holds. Lists and tuples are arrays; dictionaries are maps. */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Value[]
  | Map<Value, Value>
  | Called
  | Persistent;

function refuse(what: string): VoxhelmError {
  return new VoxhelmError('bad-checkpoint', `the checkpoint's pickle holds ${what}, which weights do not need`, {
    fix: 'Save the weights alone: torch.save(model.state_dict(), "weights.pt").',
    details: { pickle: what },
  });
}

const MARK = Symbol('mark');

class Machine {
  private readonly view: DataView;
  private readonly stack: (Value | typeof MARK)[] = [];
  private readonly memo = new Map<number, Value>();
  private at = 0;

  private readonly bytes: Uint8Array;
  private readonly allowed: ReadonlySet<string>;

  constructor(bytes: Uint8Array, allowed: ReadonlySet<string>) {
    this.bytes = bytes;
    this.allowed = allowed;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Runs to STOP and returns what is on the stack. */
  run(): Value {
    for (;;) {
      const opcode = this.view.getUint8(this.at++);
      if (opcode === 0x2e) return this.pop();
      const operation = OPERATIONS[opcode];
      if (operation === undefined) throw refuse(`the opcode 0x${opcode.toString(16).padStart(2, '0')}`);
      operation(this);
    }
  }

  byte(): number {
    return this.view.getUint8(this.at++);
  }
  int16(): number {
    this.at += 2;
    return this.view.getUint16(this.at - 2, true);
  }
  int32(): number {
    this.at += 4;
    return this.view.getInt32(this.at - 4, true);
  }
  uint32(): number {
    return this.int32() >>> 0;
  }
  uint64(): number {
    this.at += 8;
    return Number(this.view.getBigUint64(this.at - 8, true));
  }
  float64(): number {
    this.at += 8;
    return this.view.getFloat64(this.at - 8, false);
  }
  take(length: number): Uint8Array {
    if (this.at + length > this.bytes.length) throw new RangeError('cut off');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
  text(length: number): string {
    return new TextDecoder().decode(this.take(length));
  }
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }
  push(value: Value | typeof MARK): void {
    this.stack.push(value);
  }
  pop(): Value {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw refuse('an empty stack');
    return value;
  }
  top(): Value {
    return this.stack.at(-1) as Value;
  }
  toMark(): Value[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw refuse('no mark');
    return this.stack.splice(mark).slice(1) as Value[];
  }
  store(key: number): void {
    this.memo.set(key, this.top());
  }
  memoize(): void {
    this.store(this.memo.size);
  }
  fetch(key: number): void {
    if (!this.memo.has(key)) throw refuse(`memo ${key}`);
    this.push(this.memo.get(key) as Value);
  }
  global(name: string): void {
    if (!this.allowed.has(name)) throw refuse(`"${name}"`);
    this.push({ global: name, args: null });
  }
  put(items: Value[]): void {
    const target = this.top();
    if (!(target instanceof Map)) throw refuse('items of something that is no dictionary');
    for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i] as Value, items[i + 1] as Value);
  }
  append(items: Value[]): void {
    const target = this.top();
    if (!Array.isArray(target)) throw refuse('items of something that is no list');
    target.push(...items);
  }
  /** A call is kept as a name with arguments; an ordered dictionary is a dictionary. */
  reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (!isCalled(callable) || !Array.isArray(args)) throw refuse('a call of something that is no name');
    this.push(callable.global === 'collections.OrderedDict' ? new Map() : { global: callable.global, args });
  }
  /** State of an object: PyTorch gives ordered dictionaries a `_metadata` that says nothing of weights. */
  build(): void {
    this.pop();
  }
}

/** Little-endian two's complement of any length. */
function longOf(bytes: Uint8Array): Value {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  if (bytes.length > 0 && ((bytes.at(-1) as number) & 0x80) !== 0) value -= 1n << BigInt(8 * bytes.length);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function tuple(machine: Machine, length: number): void {
  const items = Array.from({ length }, () => machine.pop()).reverse();
  machine.push(items);
}

const OPERATIONS: Readonly<Record<number, (machine: Machine) => unknown>> = {
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
  0x47: (m) => m.push(m.float64()), // BINFLOAT
  0x58: (m) => m.push(m.text(m.uint32())), // BINUNICODE
  0x8c: (m) => m.push(m.text(m.byte())), // SHORT_BINUNICODE
  0x54: (m) => m.push(m.text(m.uint32())), // BINSTRING
  0x55: (m) => m.push(m.text(m.byte())), // SHORT_BINSTRING
  0x42: (m) => m.push(m.take(m.uint32())), // BINBYTES
  0x43: (m) => m.push(m.take(m.byte())), // SHORT_BINBYTES
  0x7d: (m) => m.push(new Map()), // EMPTY_DICT
  0x5d: (m) => m.push([]), // EMPTY_LIST
  0x29: (m) => m.push([]), // EMPTY_TUPLE
  0x85: (m) => tuple(m, 1),
  0x86: (m) => tuple(m, 2),
  0x87: (m) => tuple(m, 3),
  0x74: (m) => m.push(m.toMark()), // TUPLE
  0x6c: (m) => m.push(m.toMark()), // LIST
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
  0x52: (m) => m.reduce(),
  0x62: (m) => m.build(),
  0x51: (m) => m.push({ persistent: m.pop() }), // BINPERSID
};

/** True for a name, called or not. */
export function isCalled(value: Value | undefined): value is Called {
  return typeof value === 'object' && value !== null && 'global' in value;
}

/** Reads a pickle that names nothing but `allowed`; throws `bad-checkpoint` naming what else it holds. */
export function readPickle(bytes: Uint8Array, allowed: ReadonlySet<string>): Value {
  try {
    return new Machine(bytes, allowed).run();
  } catch (error) {
    if (error instanceof RangeError) {
      throw new VoxhelmError('bad-checkpoint', "the checkpoint's pickle is cut off", { fix: 'Fetch the file again.' });
    }
    throw error;
  }
}
