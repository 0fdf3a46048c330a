import { VoxhelmError } from '@voxhelm/contracts/errors';

/*
 * The stack machine that Python's pickles are programs for, with values that are data alone. What it cannot hold as data
 * (an object of any class) it holds as the class's name with the arguments: nothing is looked up, constructed or called.
 */

/** A named Python object: a global, or the call of one with its arguments. Never run; what is set on it is dropped. */
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

/** The error for what no pickle of weights holds. */
export function refuse(what: string): VoxhelmError {
  return new VoxhelmError('bad-checkpoint', `the checkpoint's pickle holds ${what}, which weights do not need`, {
    fix: 'Save the weights alone: torch.save(model.state_dict(), "weights.pt").',
    details: { pickle: what },
  });
}

/** Stands on the stack where a list of items begins. */
export const MARK = Symbol('mark');

/** Dictionaries of Python's library, whose content is all there is to them. */
const DICTIONARIES: ReadonlySet<string> = new Set(['collections.OrderedDict', 'collections.defaultdict']);

/** True for a name, called or not. */
export function isCalled(value: Value | undefined): value is Called {
  return typeof value === 'object' && value !== null && 'global' in value;
}

/** The machine over `bytes`, reading from `at` on. Reading beyond the end is a RangeError. */
export class PickleMachine {
  /** The references to things outside of the pickle, in the order in which they were read. */
  readonly references: Persistent[] = [];
  private readonly view: DataView;
  private readonly stack: (Value | typeof MARK)[] = [];
  private readonly memo = new Map<number, Value>();
  private readonly bytes: Uint8Array;
  /** Where the next byte is read. */
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.at = at;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
    if (end < 0) throw new RangeError('cut off');
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
    this.push({ global: name, args: null });
  }
  put(items: Value[]): void {
    const target = this.top();
    if (isCalled(target)) return;
    if (!(target instanceof Map)) throw refuse('items of something that is no dictionary');
    for (let i = 0; i + 1 < items.length; i += 2) target.set(items[i] as Value, items[i + 1] as Value);
  }
  append(items: Value[]): void {
    const target = this.top();
    if (isCalled(target)) return;
    if (!Array.isArray(target)) throw refuse('items of something that is no list');
    // Not push(...items): a long list would overflow the stack of arguments.
    for (const item of items) target.push(item);
  }
  /** A call, or an object of a class, is kept as the name with the arguments; a dictionary is one. */
  call(args: Value, callable: Value): void {
    if (!isCalled(callable) || !Array.isArray(args)) throw refuse('a call of something that is no name');
    if (callable.args !== null) this.push({ global: `${callable.global}()`, args });
    else this.push(DICTIONARIES.has(callable.global) ? dictionaryOf(args) : { global: callable.global, args });
  }
  /** State of an object: PyTorch gives ordered dictionaries a `_metadata` that says nothing of weights. */
  build(): void {
    this.pop();
  }
  /** A thing outside: a storage; or a class of a whole pickled network, which PyTorch's older format wraps with its source. */
  refer(id: Value): void {
    if (Array.isArray(id) && id[0] === 'module' && isCalled(id[1])) return this.push(id[1]);
    const reference = { persistent: id };
    this.references.push(reference);
    this.push(reference);
  }
}

/** Python 2 gives an ordered dictionary its items as an argument; Python 3 sets them afterwards. */
function dictionaryOf(args: readonly Value[]): Map<Value, Value> {
  const [items] = args;
  const pairs = Array.isArray(items) ? items.filter((item) => Array.isArray(item) && item.length === 2) : [];
  return new Map(pairs as [Value, Value][]);
}
