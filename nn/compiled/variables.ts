import { type DataType, FLOAT, RESOURCE, type Shape } from './data-types.ts';
import type { Graph, Value } from './graph.ts';

/*
 * TensorFlow's resource variables: what stays in a session between runs.
 */

/** A variable of a graph. */
export interface Variable {
  readonly name: string;
  readonly type: DataType;
  readonly shape: Shape;
  /** The handle that ops on the variable take. */
  readonly handle: Value;
}

/** Declares a variable. It has no value before the first assignment. */
export function declareVariable(graph: Graph, name: string, shape: Shape, type: DataType = FLOAT): Variable {
  const attributes = { dtype: { type }, shape: { shape }, shared_name: { text: name }, container: { text: '' } };
  const handle = graph.add1({ op: 'VarHandleOp', inputs: [], attributes, outputs: [{ type: RESOURCE, shape: [] }] });
  return { name, type, shape, handle };
}

/** The variable's value, read after the nodes of these names. */
export function readVariable(graph: Graph, variable: Variable, after: readonly string[] = []): Value {
  const { handle, shape, type } = variable;
  const attributes = { dtype: { type } };
  return graph.weight({ op: 'ReadVariableOp', inputs: [handle], attributes, outputs: [{ type, shape }], after });
}

/** Writes a value; returns the node's name, for others to come after. */
export function assignVariable(
  graph: Graph,
  variable: Variable,
  value: Value,
  how: 'AssignVariableOp' | 'AssignAddVariableOp' | 'AssignSubVariableOp' = 'AssignVariableOp',
  after: readonly string[] = [],
): string {
  const cast = graph.cast(value, variable.type);
  const attributes = { dtype: { type: variable.type } };
  return graph.add({ op: how, inputs: [variable.handle, cast], attributes, outputs: [], after }).name;
}

/**
 * A copy in TensorFlow's own memory, for what is fed and then kept. The binding lends TensorFlow a typed array's memory where it
 * is aligned; a variable that keeps it gives it up in its first update, on a thread of TensorFlow's, and Node-API's list of
 * references is not made for two of those at once: one float32 training in sixteen died of a broken heap ("Check failed:
 * IsAligned()").
 */
export function copied(graph: Graph, value: Value): Value {
  const { shape, type } = value;
  return graph.add1({ op: 'DeepCopy', inputs: [value], attributes: { T: { type } }, outputs: [{ type, shape }] });
}

/** The value once the nodes of these names have run: what a signature of effects alone has for an output. */
export function afterwards(graph: Graph, value: Value, after: readonly string[]): Value {
  const { shape, type } = value;
  return graph.add1({
    op: 'Identity',
    inputs: [value],
    attributes: { T: { type } },
    outputs: [{ type, shape }],
    after,
  });
}
