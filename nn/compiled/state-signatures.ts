import type { Network, ParameterSpec } from '../network.ts';
import { TO_TFJS, TO_TORCH } from '../weights.ts';
import { FLOAT, INT32, type Shape } from './data-types.ts';
import type { Graph, Value } from './graph.ts';
import type { Signature } from './session.ts';
import { afterwards, assignVariable, declareVariable, readVariable, type Variable } from './variables.ts';

/*
 * Reading and assigning the weights and what else a session keeps for each parameter. Outside they have PyTorch's layout,
 * inside tfjs's: the program itself turns them.
 */

/** A parameter's shape in tfjs's layout. */
function shapeInTfjs({ kind, shape }: ParameterSpec): Shape {
  return TO_TFJS[kind]?.map((axis) => shape[axis] as number) ?? shape;
}

/** A variable for each parameter. */
export function declareGroup(graph: Graph, network: Network, group: string): readonly Variable[] {
  return network.specs.map((spec) => declareVariable(graph, `${group}/${spec.name}`, shapeInTfjs(spec)));
}

function turned(graph: Graph, value: Value, axes: readonly number[] | undefined): Value {
  if (axes === undefined) return value;
  const permutation = graph.constant(INT32, [axes.length], Int32Array.from(axes));
  const attributes = { T: { type: value.type }, Tperm: { type: INT32 } };
  const outputs = [{ type: value.type, shape: axes.map((axis) => value.shape[axis] as number) }];
  return graph.add1({ op: 'Transpose', inputs: [value, permutation], attributes, outputs });
}

/** What a signature of effects alone returns: something small, once all of them have happened. */
export function done(graph: Graph, effects: readonly string[]): Value {
  return afterwards(graph, graph.scalar(0), effects);
}

/** The two signatures of one group; values in the order of the network's parameters. */
export interface Transfer {
  readonly variables: readonly Variable[];
  readonly read: Signature;
  readonly assign: Signature;
}

/** Defines reading and assigning a group's variables. */
export function defineTransfer(
  graph: Graph,
  network: Network,
  group: string,
  variables: readonly Variable[],
): Transfer {
  const inputs = network.specs.map(({ name, shape }) => graph.placeholder(`assign/${group}/${name}`, FLOAT, shape));
  const assigned = network.specs.map(({ kind }, i) =>
    assignVariable(graph, variables[i] as Variable, turned(graph, inputs[i] as Value, TO_TFJS[kind])),
  );
  const outputs = network.specs.map(({ kind }, i) =>
    turned(graph, readVariable(graph, variables[i] as Variable), TO_TORCH[kind]),
  );
  return {
    variables,
    read: { inputs: [], outputs },
    assign: { inputs, outputs: [done(graph, assigned)] },
  };
}
