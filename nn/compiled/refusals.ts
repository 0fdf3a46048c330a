import { VoxhelmError } from '@voxhelm/contracts/errors';
import { type Tensor, tf } from '../engine.ts';
import { DEPTH, type Mark, mark, originOf } from './place.ts';

/*
 * What is told of an op that cannot be traced: its name, and the line of the network where it stands. tfjs walks its tape
 * after the network has returned, so that no frame of the stack says whose gradient is being computed: the tape's nodes are
 * marked while they are written.
 */

interface TapeNode {
  readonly kernelName: string;
  /** Absent where tfjs knows no gradient of the op. */
  gradient?: (dys: Tensor[]) => Record<string, () => Tensor>;
}

/** The part of tfjs's engine that writes the tape. */
interface TapeWriter {
  readonly state: { readonly activeTape: readonly TapeNode[] };
  addTapeNode(...node: unknown[]): void;
}

/** An op of the forward pass, and when it was asked for. */
interface Forward {
  /** null: a function with a gradient of its own. */
  readonly kernel: string | null;
  readonly asked: Mark;
}

/** Whose gradient is being computed; null outside of gradients. */
let backward: Forward | null = null;

function during<T>(forward: Forward, compute: () => T): T {
  const outer = backward;
  backward = forward;
  try {
    return compute();
  } catch (error) {
    if (error instanceof VoxhelmError) throw error;
    throw untraceable('what it computes', error instanceof Error ? error.message : String(error));
  } finally {
    backward = outer;
  }
}

function noteOn(node: TapeNode): void {
  const { gradient, kernelName } = node;
  const known = tf.getGradient(kernelName) !== undefined;
  const forward = { kernel: known ? kernelName : null, asked: mark() };
  node.gradient = (dys) => {
    if (gradient === undefined) throw refusal(kernelName, forward.asked, null, 'tfjs knows no gradient of it');
    const parts = Object.entries(during(forward, () => gradient(dys)));
    return Object.fromEntries(parts.map(([input, compute]) => [input, () => during(forward, compute)]));
  };
}

/** Runs a function whose gradients are to be traced; a refusal within one tells whose it is. */
export function notingGradients<T>(compute: () => T): T {
  const engine = tf.engine() as unknown as TapeWriter;
  const { addTapeNode } = engine;
  engine.addTapeNode = (...node) => {
    addTapeNode.apply(engine, node);
    noteOn(engine.state.activeTape.at(-1) as TapeNode);
  };
  try {
    return compute();
  } finally {
    engine.addTapeNode = addTapeNode;
  }
}

function refusal(op: string, asked: Mark, within: string | null, why: string): VoxhelmError {
  const { network, own } = originOf(asked);
  const place = network ?? own ?? 'an unknown place';
  const what = within === null ? `${op} at ${place}` : `${op}, in the gradient of ${within} at ${place},`;
  return new VoxhelmError('invalid-request', `${what} cannot be compiled: ${why}`, {
    fix: 'Write it with ops of nn/compiled/ops (nn/compiled/README.md says how to add one), or train eagerly.',
    details: { op, place },
  });
}

/** The refusal of an op that is being traced. */
export function untraceable(op: string, why: string): VoxhelmError {
  const now = mark();
  // A gradient that the network itself writes stands where it stands.
  if (backward === null || originOf(now).network !== null) return refusal(op, now, null, why);
  return refusal(op, backward.asked, backward.kernel ?? 'the function', why);
}

/**
 * Runs a function whose ops are traced. What tfjs throws of its own (arguments that do not fit) names its op, but not where it stands:
 * the place is put to it.
 */
export function placingErrors<T>(compute: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEPTH;
  try {
    return compute();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof VoxhelmError) throw error;
    const { network, own } = originOf(error);
    const place = network ?? own ?? 'an unknown place';
    throw new VoxhelmError('invalid-request', `the step cannot be computed at ${place}: ${error.message}`, {
      fix: 'Mend that line: it fails eagerly as well (VOXHELM_ENGINE=eager), where a debugger can stop.',
      details: { place },
      cause: error,
    });
  } finally {
    Error.stackTraceLimit = limit;
  }
}
