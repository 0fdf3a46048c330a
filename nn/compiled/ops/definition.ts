import type { DataType, Shape } from '../data-types.ts';
import type { Attribute, ConstantValues, Value } from '../graph.ts';

/*
 * What is known of a TensorFlow op: the shapes of its outputs, which attributes carry types, and how autocast treats it.
 */

/** One use of an op, as tfjs's kernel asks for it. */
export interface OpCall {
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Number of outputs that the kernel wants. */
  readonly outputs: number;
}

/**
 * How autocast treats an op's floating-point inputs where a program computes in bfloat16:
 * - `low`: all bfloat16 (convolutions and products, where the time goes);
 * - `follow`: as the inputs are (elementwise and moving ops); see autocast.ts;
 * - `full`: all float32 (reductions, losses, statistics, exponentials);
 * - numbers: the inputs that follow the first of them, all others float32.
 */
export type Precision = 'low' | 'follow' | 'full' | readonly number[];

/** A TensorFlow op. */
export interface OpDefinition {
  readonly precision: Precision;
  /** The attributes that carry a type, each with the input whose type it is. */
  readonly types: Readonly<Partial<Record<string, number>>>;
  /** Type of each output: that of an input by its index, a fixed one, or what an attribute says. */
  outputTypes(call: OpCall): readonly DataType[];
  /** Shape of each output. */
  shapes(call: OpCall): readonly Shape[];
}

/** Ops by their TensorFlow name. */
export type OpTable = Readonly<Record<string, OpDefinition>>;

/** The op's input, which must be there. */
export function input(call: OpCall, index: number): Value {
  const value = call.inputs.at(index);
  if (value === undefined) throw new Error(`${call.op} has no input ${index}`);
  return value;
}

/** The values of an input that must be a constant, because the output's shape follows from them. */
export function constantInput(call: OpCall, index: number): number[] {
  const values: ConstantValues | null = input(call, index).constant;
  if (values === null)
    throw new Error(`${call.op} takes its input ${index} from a computed value: its shape is not known`);
  return [...values];
}

/** Attributes by kind, with the value to take where they are not given. */
export function intsOf(call: OpCall, name: string): readonly number[] {
  const attribute = call.attributes[name];
  if (attribute === undefined || !('ints' in attribute)) throw new Error(`${call.op} lacks the attribute ${name}`);
  return attribute.ints;
}
export function intOf(call: OpCall, name: string, otherwise: number): number {
  const attribute = call.attributes[name];
  return attribute !== undefined && 'int' in attribute ? attribute.int : otherwise;
}
export function boolOf(call: OpCall, name: string, otherwise: boolean): boolean {
  const attribute = call.attributes[name];
  return attribute !== undefined && 'bool' in attribute ? attribute.bool : otherwise;
}
export function textOf(call: OpCall, name: string, otherwise: string): string {
  const attribute = call.attributes[name];
  return attribute !== undefined && 'text' in attribute ? attribute.text : otherwise;
}
export function typeOf(call: OpCall, name: string, otherwise: DataType): DataType {
  const attribute = call.attributes[name];
  return attribute !== undefined && 'type' in attribute ? attribute.type : otherwise;
}

/** What most ops share: one output of the first input's type, which the attribute T carries. */
export function define(
  precision: Precision,
  shape: (call: OpCall) => Shape,
  facts: {
    readonly types?: Readonly<Partial<Record<string, number>>>;
    readonly output?: DataType | ((call: OpCall) => DataType);
  } = {},
): OpDefinition {
  const types: OpDefinition['types'] = facts.types ?? { T: 0 };
  const { output } = facts;
  return {
    precision,
    types,
    outputTypes: (call) => [
      typeof output === 'function' ? output(call) : (output ?? input(call, types['T'] ?? 0).type),
    ],
    shapes: (call) => [shape(call)],
  };
}

/** The same definition under several names. */
export function each(names: string, definition: OpDefinition): OpTable {
  return Object.fromEntries(
    names
      .trim()
      .split(/\s+/)
      .map((name) => [name, definition]),
  );
}

/** The shape of an input. */
export const same =
  (index = 0) =>
  (call: OpCall): Shape =>
    input(call, index).shape;

/** Shape of an elementwise op over shapes that are stretched to each other (NumPy's rule). */
export function broadcast(shapes: readonly Shape[]): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const size = sizes.find((n) => n !== 1) ?? 1;
    if (sizes.some((n) => n !== 1 && n !== size))
      throw new Error(`shapes ${shapes.map((s) => `[${s}]`).join(' and ')} do not fit`);
    return size;
  });
}
