import type { ValuesByName } from '../initialize.ts';
import type { Network, ParameterSpec } from '../network.ts';
import { TO_TFJS, TO_TORCH } from '../weights.ts';
import { FLOAT, INT32, type Shape, sizeOf } from './data-types.ts';
import type { Graph, Value } from './graph.ts';
import type { Session, Signature } from './session.ts';
import { afterwards, assignVariable, copied, declareVariable, readVariable, type Variable } from './variables.ts';

/*
 * Reading and assigning the weights and what else a session keeps for each parameter. Outside they have PyTorch's layout,
 * inside tfjs's: the program itself turns them.
 */

/** A parameter's shape in tfjs's layout. */
function shapeInTfjs({ kind, shape }: ParameterSpec): Shape {
  return TO_TFJS[kind]?.map((axis) => shape[axis] as number) ?? shape;
}

/** A variable for each parameter, or for those of certain names. */
export function declareGroup(
  graph: Graph,
  network: Network,
  group: string,
  has: (name: string) => boolean = () => true,
): readonly Variable[] {
  const specs = network.specs.filter(({ name }) => has(name));
  return specs.map((spec) => declareVariable(graph, `${group}/${spec.name}`, shapeInTfjs(spec)));
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

/** Some of a group's parameters, one after the other: what is read or assigned at once. */
interface TransferPart {
  /** Names of the parameters, in the order of the signatures' values. */
  readonly names: readonly string[];
  readonly read: Signature;
  readonly assign: Signature;
}

/** The signatures of one group. */
export interface Transfer {
  readonly group: string;
  readonly parts: readonly TransferPart[];
  readonly reset: Signature;
}

/**
 * Least values in one part. A run holds what it is fed with or returns twice, as it came and turned: a group at once would
 * need more memory than a step.
 */
const PART_VALUES = 2 ** 20;
/**
 * Most parts of a group. TensorFlow optimizes the whole graph anew for each signature that is first run: 1.3 s in a graph of
 * 71,000 nodes (DiNTS's supernet of 12 blocks), whose 151 million weights would be 160 parts in each of three groups.
 */
const MAX_PARTS = 8;

interface Kept {
  readonly spec: ParameterSpec;
  readonly variable: Variable;
}

/** Parameters in their order, in parts of at least {@link PART_VALUES} and about as many as {@link MAX_PARTS} at most. */
function inParts(kept: readonly Kept[]): Kept[][] {
  const total = kept.reduce((sum, { variable }) => sum + sizeOf(variable.shape), 0);
  const room = Math.max(PART_VALUES, Math.ceil(total / MAX_PARTS));
  const parts: Kept[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const one of kept) {
    const values = sizeOf(one.variable.shape);
    if (size + values > room) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(one);
    size += values;
  }
  return parts;
}

function definePart(graph: Graph, group: string, part: readonly Kept[]): TransferPart {
  const inputs = part.map(({ spec }) => graph.placeholder(`assign/${group}/${spec.name}`, FLOAT, spec.shape));
  const assigned = part.map(({ spec, variable }, i) =>
    assignVariable(graph, variable, turned(graph, copied(graph, inputs[i] as Value), TO_TFJS[spec.kind])),
  );
  const outputs = part.map(({ spec, variable }) => turned(graph, readVariable(graph, variable), TO_TORCH[spec.kind]));
  return {
    names: part.map(({ spec }) => spec.name),
    read: { inputs: [], outputs },
    assign: { inputs, outputs: [done(graph, assigned)] },
  };
}

/** Nodes that set variables to zeros; returns their names. `after`: nodes that must have run before. */
export function zeroed(graph: Graph, variables: readonly Variable[], after: readonly string[] = []): string[] {
  return variables.map((variable) => {
    const zero = graph.constant(FLOAT, variable.shape, new Float32Array(sizeOf(variable.shape)));
    return assignVariable(graph, variable, zero, 'AssignVariableOp', after);
  });
}

/**
 * Sets variables to zeros. The zero is fed: of one that it knows TensorFlow makes constants of the variables' sizes, which
 * stay for as long as the session does, beside the variables.
 */
function defineReset(graph: Graph, group: string, variables: readonly Variable[]): Signature {
  const zero = graph.placeholder(`reset/${group}`, FLOAT, []);
  const assigned = variables.map((variable) => {
    const { shape } = variable;
    const dims = graph.constant(INT32, [shape.length], Int32Array.from(shape));
    const attributes = { T: { type: FLOAT }, index_type: { type: INT32 } };
    const filled = graph.add1({ op: 'Fill', inputs: [dims, zero], attributes, outputs: [{ type: FLOAT, shape }] });
    return assignVariable(graph, variable, filled);
  });
  return { inputs: [zero], outputs: [done(graph, assigned)] };
}

/** Defines reading and assigning a group's variables. */
export function defineTransfer(
  graph: Graph,
  network: Network,
  group: string,
  variables: readonly Variable[],
): Transfer {
  const kept = network.specs.map((spec, i) => ({ spec, variable: variables[i] as Variable }));
  const parts = inParts(kept).map((part) => definePart(graph, group, part));
  return { group, parts, reset: defineReset(graph, group, variables) };
}

/** A group's values by parameter. */
export function readGroup(session: Session, { parts }: Transfer): Map<string, Float32Array> {
  return new Map(
    parts.flatMap(({ names, read }) => {
      const values = session.run(read, []);
      return names.map((name, i) => [name, values[i] as Float32Array] as const);
    }),
  );
}

/** Gives a group its values; throws `RangeError` where one is missing. */
export function assignGroup(session: Session, transfer: Transfer, values: ValuesByName | 'zeros'): void {
  if (values === 'zeros') {
    session.run(transfer.reset, [Float32Array.of(0)], false);
    return;
  }
  for (const { names, assign } of transfer.parts) {
    const feeds = names.map((name) => {
      const value = values.get(name);
      if (value === undefined) throw new RangeError(`${transfer.group} lacks the parameter ${name}`);
      return value;
    });
    session.run(assign, feeds, false);
  }
}
