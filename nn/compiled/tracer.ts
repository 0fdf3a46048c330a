import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Tensor, tf } from '../engine.ts';
import { type ComputePrecision, castInputs } from './autocast.ts';
import { BFLOAT16, BOOL, type DataType, FLOAT, INT32, type Shape } from './data-types.ts';
import type { Attribute, ConstantValues, Graph, Value } from './graph.ts';
import type { OpCall, OpDefinition } from './ops/definition.ts';
import { definitionOf } from './ops/table.ts';
import { notingGradients, placingErrors, untraceable } from './refusals.ts';

/*
 * The tracer: tfjs-node's own kernels over a binding that writes nodes into a graph instead of computing. A function of
 * tensors, with tfjs's own gradients, runs once on it and leaves its computation behind as a graph.
 */

const BACKEND = 'voxhelm-tracer';

interface NativeAttribute {
  readonly name: string;
  readonly type: number;
  readonly value: unknown;
}

interface Metadata {
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: DataType;
}

/** The part of tfjs-node's binding that its kernels call. */
interface NativeBinding {
  readonly TF_ATTR_STRING: number;
  readonly TF_ATTR_INT: number;
  readonly TF_ATTR_FLOAT: number;
  readonly TF_ATTR_BOOL: number;
  readonly TF_ATTR_TYPE: number;
  readonly TF_ATTR_SHAPE: number;
  createTensor(shape: number[], type: DataType, values: ConstantValues): number;
  deleteTensor(id: number): void;
  tensorDataSync(id: number): ConstantValues;
  executeOp(op: string, attributes: NativeAttribute[], inputs: number[], outputs: number): Metadata[];
  isUsingGpuDevice(): boolean;
}

interface NativeBackend {
  /** tfjs's map from data to tensor ids, with what to do about data of another backend. */
  tensorMap: object;
  readonly binding: NativeBinding;
  readSync(id: object): ConstantValues;
  createOutputTensor(metadata: Metadata): Tensor;
  getInputTensorIds(tensors: readonly Tensor[]): number[];
}

type NativeBackendClass = new (binding: object, packageName: string) => NativeBackend;

/** A graph that is being traced into. */
interface Tracing {
  readonly graph: Graph;
  readonly precision: ComputePrecision;
  /** The tensors so far; tfjs knows each by its index here. */
  readonly values: Value[];
  /** The first refusal that nothing could be thrown of: of a promised value. */
  refused: unknown;
}

let current: Tracing | null = null;

function tracing(): Tracing {
  if (current === null) throw new Error('the tracer is not tracing');
  return current;
}

/** What tfjs is told of a tensor: it knows no bfloat16. */
function announce(value: Value): Metadata {
  const { values } = tracing();
  values.push(value);
  return {
    id: values.length - 1,
    shape: [...value.shape],
    dtype: value.type === BFLOAT16 ? FLOAT : value.type,
  };
}

function readAttribute(native: NativeBinding, { type, value }: NativeAttribute): Attribute {
  if (type === native.TF_ATTR_TYPE) return { type: value as DataType };
  if (type === native.TF_ATTR_FLOAT) return { float: value as number };
  if (type === native.TF_ATTR_BOOL) return { bool: Boolean(value) };
  if (type === native.TF_ATTR_STRING) return { text: value as string };
  if (type === native.TF_ATTR_SHAPE) return { shape: value as number[] };
  return Array.isArray(value) ? { ints: value as number[] } : { int: value as number };
}

/** Appends the node of one op, its inputs cast to the program's precision. */
function record(call: OpCall, definition: OpDefinition): readonly Value[] {
  const { graph, precision } = tracing();
  const inputs = castInputs(graph, call.inputs, definition.precision, precision);
  const types = Object.entries(definition.types).map(([name, index]): [string, Attribute] => [
    name,
    { type: (inputs.at(index as number) as Value).type },
  ]);
  const typed: OpCall = { ...call, inputs, attributes: { ...call.attributes, ...Object.fromEntries(types) } };
  const shapes = definition.shapes(typed);
  const outputs = definition.outputTypes(typed).map((type, i) => ({ type, shape: shapes[i] ?? [] }));
  const spec = { op: call.op, inputs, attributes: typed.attributes, outputs };
  // A weight that is only turned stays a weight for autocast.
  const turned = call.op === 'Reshape' || call.op === 'Transpose';
  return turned && inputs[0]?.weight === true ? [graph.weight(spec)] : graph.add(spec).outputs;
}

function refuseCapture(): never {
  throw untraceable('capturing a tensor', 'it was made outside of the program; feed it, or make it inside');
}

/** A binding that records. Its constants are the real one's. */
function recordingBinding(native: NativeBinding): object {
  const recording = {
    isUsingGpuDevice: () => native.isUsingGpuDevice(),
    createTensor(shape: number[], type: DataType, values: ConstantValues): number {
      const known = type === FLOAT || type === INT32 || type === BOOL;
      if (!known) throw untraceable('Const', `a constant of TensorFlow's data type ${type}`);
      const typed =
        type === FLOAT ? Float32Array.from(values) : type === INT32 ? Int32Array.from(values) : Uint8Array.from(values);
      return announce(tracing().graph.constant(type, shape, typed)).id;
    },
    deleteTensor(): void {
      // The graph keeps what it has.
    },
    tensorDataSync(id: number): ConstantValues {
      const constant = tracing().values[id]?.constant ?? null;
      if (constant === null) throw untraceable('reading a value', 'it is known only when the program runs');
      return constant;
    },
    executeOp(op: string, attributes: NativeAttribute[], ids: number[], outputs: number): Metadata[] {
      const definition = definitionOf(op);
      if (definition === null) throw untraceable(op, 'it has no shape function');
      const inputs = ids.map((id) => tracing().values[id] as Value);
      const named = attributes.map((attribute) => [attribute.name, readAttribute(native, attribute)] as const);
      try {
        return record({ op, inputs, attributes: Object.fromEntries(named), outputs }, definition).map(announce);
      } catch (error) {
        if (error instanceof VoxhelmError) throw error;
        throw untraceable(op, error instanceof Error ? error.message : String(error));
      }
    },
  };
  // Defined, not assigned: what it inherits is read-only.
  return Object.create(native, Object.getOwnPropertyDescriptors(recording)) as object;
}

/** Registers tfjs-node's kernels a second time, under the tracer's name, and the backend that they will run on. */
function register(): void {
  const native = tf.findBackend('tensorflow') as unknown as NativeBackend;
  const Native = native.constructor as NativeBackendClass;
  class Tracer extends Native {
    constructor() {
      super(recordingBinding(native.binding), '@tensorflow/tfjs-node-gpu');
      // A tensor of another backend would be moved here and become a constant unseen.
      this.tensorMap = new tf.DataStorage(this as never, { moveData: refuseCapture });
    }

    /** `tensor.data()`: a rejection would reach nobody before the trace is over, so that the trace itself throws it. */
    read(id: object): Promise<ConstantValues> {
      try {
        return Promise.resolve(this.readSync(id));
      } catch (error) {
        tracing().refused ??= error;
        return new Promise(() => undefined);
      }
    }

    /** An Identity that waits for another node, for raw-op.ts. */
    identityAfter(x: Tensor, gate: Tensor): Tensor {
      const { graph, values } = tracing();
      const [input, before] = this.getInputTensorIds([x, gate]).map((id) => values[id] as Value) as [Value, Value];
      const output = { type: input.type, shape: input.shape };
      const after = [before.reference.split(':')[0] as string];
      const attributes = { T: { type: input.type } };
      const value = graph.add1({ op: 'Identity', inputs: [input], attributes, outputs: [output], after });
      return this.createOutputTensor(announce(value));
    }
  }
  tf.registerBackend(BACKEND, () => new Tracer() as never, 0);
  for (const kernel of tf.getKernelsForBackend('tensorflow')) {
    const kernelFunc =
      kernel.kernelName === 'GatherV2' ? (gather as unknown as typeof kernel.kernelFunc) : kernel.kernelFunc;
    tf.registerKernel({ ...kernel, kernelFunc, backendName: BACKEND });
  }
}

/** tfjs-node's own kernel reads the indices to check them; TensorFlow's checks them when it runs. */
function gather(args: {
  inputs: { x: Tensor; indices: Tensor };
  attrs: { axis: number; batchDims: number };
  backend: NativeBackend;
}): Tensor {
  const { x, indices } = args.inputs;
  const { binding } = args.backend;
  const axis = tf.scalar(args.attrs.axis, 'int32');
  const attributes = [{ name: 'batch_dims', type: binding.TF_ATTR_INT, value: args.attrs.batchDims }];
  const ids = args.backend.getInputTensorIds([x, indices, axis]);
  axis.dispose();
  const [output] = binding.executeOp('GatherV2', attributes, ids, 1);
  return args.backend.createOutputTensor(output as Metadata);
}

/** tfjs's setBackend is asynchronous by its type only, where the backend itself is not. */
function activate(backend: string): void {
  tf.setBackend(backend).catch(() => undefined);
  if (tf.getBackend() !== backend) throw new VoxhelmError('internal', `tfjs did not change to the backend ${backend}`);
}

/** Between tensors of a trace and values of its graph. */
export interface TraceScope {
  /** A tensor that stands for a value; it belongs to the trace's tidy. */
  tensor(value: Value): Tensor;
  value(tensor: Tensor): Value;
}

/**
 * Runs a function of tensors on the tracer and returns the values of the tensors that it returns; the graph has grown by
 * its nodes. Synchronous, leaves no tensor. Throws `invalid-request` with the op's name and its place in the source where
 * something cannot be traced, or where tfjs refuses it.
 */
export function trace(
  graph: Graph,
  precision: ComputePrecision,
  compute: (scope: TraceScope) => readonly Tensor[],
): readonly Value[] {
  if (current !== null) throw new VoxhelmError('internal', 'one trace was begun within another');
  if (tf.findBackendFactory(BACKEND) === null) register();
  const before = tf.getBackend();
  const own: Tracing = { graph, precision, values: [], refused: null };
  current = own;
  activate(BACKEND);
  try {
    const backend = tf.backend() as unknown as NativeBackend;
    const scope: TraceScope = {
      tensor: (value) => backend.createOutputTensor(announce(value)),
      value: (tensor) => tracing().values[backend.getInputTensorIds([tensor])[0] as number] as Value,
    };
    const found: Value[] = [];
    const traced = (): void => {
      found.push(...compute(scope).map((tensor) => scope.value(tensor)));
    };
    placingErrors(() => notingGradients(() => tf.tidy(traced)));
    if (own.refused !== null) throw own.refused;
    return found;
  } catch (error) {
    // What became of a step after it asked for a promised value is its consequence.
    throw own.refused ?? error;
  } finally {
    current = null;
    activate(before);
  }
}
