import { VoxhelmError } from '@voxhelm/contracts/errors';
import { BOOL, type DataType, FLOAT, INT32, type Shape, sizeOf } from './data-types.ts';
import { Message } from './protobuf.ts';

/*
 * A TensorFlow graph under construction: nodes are appended and never changed. What a graph consists of is told in
 * tensorflow/core/framework/graph.proto, node_def.proto and attr_value.proto; the numbers below are field numbers there.
 */

/** An attribute of a node. */
export type Attribute =
  | { readonly type: DataType }
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly shape: Shape };

/** The values of a constant, kept because some shapes follow from them (paddings, axes, sizes). */
export type ConstantValues = Float32Array | Int32Array | Uint8Array;

/** One output of a node: a tensor of the program. */
export interface Value {
  /** As a node's input is written: "name" or "name:output". */
  readonly reference: string;
  readonly type: DataType;
  readonly shape: Shape;
  readonly constant: ConstantValues | null;
  /** A trained weight as it is read: it promotes nothing that it is combined with (autocast.ts). */
  readonly weight: boolean;
}

/** A node to append. */
export interface NodeSpec {
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly outputs: readonly { readonly type: DataType; readonly shape: Shape }[];
  /** Names of nodes that must have run before. */
  readonly after?: readonly string[];
  /** A name to be found by; by default the op with a number. */
  readonly name?: string;
}

/** A node that was appended. */
export interface GraphNode {
  readonly name: string;
  readonly outputs: readonly Value[];
}

function shapeMessage(shape: Shape): Message {
  const message = new Message();
  for (const size of shape) message.message(2, new Message().integer(1, size));
  return message;
}

function attributeMessage(attribute: Attribute): Message {
  const message = new Message();
  if ('type' in attribute) return message.integer(6, attribute.type);
  if ('int' in attribute) return message.integer(3, attribute.int);
  if ('float' in attribute) return message.float(4, attribute.float);
  if ('bool' in attribute) return message.integer(5, attribute.bool ? 1 : 0);
  if ('text' in attribute) return message.string(2, attribute.text);
  if ('shape' in attribute) return message.message(7, shapeMessage(attribute.shape));
  const list = new Message();
  for (const value of attribute.ints) list.integer(3, value);
  return message.message(1, list);
}

function tensorMessage(type: DataType, shape: Shape, values: ConstantValues): Message {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return new Message().integer(1, type).message(2, shapeMessage(shape)).bytes(4, bytes);
}

/** A graph to which nodes are appended. */
export class Graph {
  private readonly message = new Message();
  private readonly names = new Set<string>();
  private readonly casts = new Map<string, Value>();

  /** Names of the TensorFlow ops that its nodes are of. */
  readonly ops = new Set<string>();

  private unusedName(op: string): string {
    return `${op}_${this.names.size}`;
  }

  /** Appends a node; its output shapes are written down, so that TensorFlow refuses a graph where they are wrong. */
  add(spec: NodeSpec): GraphNode {
    return this.append(spec, null);
  }

  private append(spec: NodeSpec, values: ConstantValues | null, weight = false): GraphNode {
    // A parameter's name may hold what TensorFlow's may not ("cell_tree.(0, 1)").
    const name = (spec.name ?? this.unusedName(spec.op)).replace(/[^A-Za-z0-9_./-]/g, '_');
    if (this.names.has(name)) throw new VoxhelmError('internal', `the program has two nodes of the name ${name}`);
    this.names.add(name);
    this.ops.add(spec.op);
    const node = new Message().string(1, name).string(2, spec.op);
    for (const input of spec.inputs) node.string(3, input.reference);
    for (const before of new Set(spec.after)) node.string(3, `^${before}`);
    for (const [key, attribute] of Object.entries(spec.attributes)) node.entry(5, key, attributeMessage(attribute));
    if (values !== null) {
      const output = spec.outputs[0] as NodeSpec['outputs'][number];
      node.entry(5, 'value', new Message().message(8, tensorMessage(output.type, output.shape, values)));
    }
    const shapes = new Message();
    for (const output of spec.outputs) shapes.message(7, shapeMessage(output.shape));
    node.entry(5, '_output_shapes', new Message().message(1, shapes));
    this.message.message(1, node);
    const outputs = spec.outputs.map(
      ({ type, shape }, i): Value => ({
        reference: i === 0 ? name : `${name}:${i}`,
        type,
        shape: [...shape],
        constant: values,
        weight,
      }),
    );
    return { name, outputs };
  }

  /** {@link add} for the many nodes with one output. */
  add1(spec: NodeSpec): Value {
    return this.add(spec).outputs[0] as Value;
  }

  /** A value that each run is fed with. */
  placeholder(name: string, type: DataType, shape: Shape): Value {
    const attributes = { dtype: { type }, shape: { shape } };
    return this.add1({ op: 'Placeholder', name, inputs: [], attributes, outputs: [{ type, shape }] });
  }

  /** A constant; one of many equal values is written as one value and a fill. */
  constant(type: DataType, shape: Shape, values: ConstantValues): Value {
    const size = sizeOf(shape);
    if (size > 16 && isUniform(values)) {
      const value = this.constant(type, [], values.slice(0, 1));
      const dims = this.constant(INT32, [shape.length], Int32Array.from(shape));
      const attributes = { T: { type }, index_type: { type: INT32 } };
      const filled = this.add1({ op: 'Fill', inputs: [dims, value], attributes, outputs: [{ type, shape }] });
      return { ...filled, constant: values };
    }
    const spec = { op: 'Const', inputs: [], attributes: { dtype: { type } }, outputs: [{ type, shape }] };
    return this.append(spec, values).outputs[0] as Value;
  }

  /** A scalar constant. */
  scalar(value: number, type: DataType = FLOAT): Value {
    const values =
      type === FLOAT ? Float32Array.of(value) : type === BOOL ? Uint8Array.of(value) : Int32Array.of(value);
    return this.constant(type, [], values);
  }

  /** The value in another type; the same cast is written once. */
  cast(value: Value, type: DataType): Value {
    if (value.type === type) return value;
    const key = `${value.reference} ${type}`;
    const known = this.casts.get(key);
    if (known !== undefined) return known;
    const attributes = { SrcT: { type: value.type }, DstT: { type }, Truncate: { bool: false } };
    const output = this.add1({ op: 'Cast', inputs: [value], attributes, outputs: [{ type, shape: value.shape }] });
    const cast = { ...output, constant: value.constant, weight: value.weight };
    this.casts.set(key, cast);
    return cast;
  }

  /** A weight as it is read from its variable. */
  weight(spec: NodeSpec): Value {
    return this.append(spec, null, true).outputs[0] as Value;
  }

  /** The graph as a SavedModel file of one meta graph, tagged "serve" (saved_model.proto, meta_graph.proto). */
  toSavedModel(): Uint8Array {
    this.message.message(4, new Message().integer(1, GRAPH_PRODUCER));
    const metaGraph = new Message()
      .message(1, new Message().string(4, SAVED_MODEL_TAG))
      .bytes(2, this.message.finish());
    return new Message().integer(1, 1).message(2, metaGraph).finish();
  }
}

/** The meta graph's tag: the loader wants one. */
export const SAVED_MODEL_TAG = 'serve';

/** GraphDef version (versions.h): 27 came with TensorFlow 1.8; later ones changed nothing that is written here. */
const GRAPH_PRODUCER = 27;

function isUniform(values: ConstantValues): boolean {
  const first = values[0];
  return values.every((value) => value === first);
}
