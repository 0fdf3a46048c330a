import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/*
 * Where in the source an op was asked for, from the stack of the moment.
 */

/** Folders whose frames carry a step but are not what its author wrote: the tracer, tfjs, and the shared layers. */
const CARRIERS = [
  /node_modules/,
  /\/nn\/compiled\/(?!.*\.test\.)/,
  /\/nn\/(raw-op|engine|gradients|recompute)\.ts/,
  /^node:/,
];
/**
 * Where Node reads source maps (tsx turns that on, Vitest does not), tfjs's frames are told by the sources of its packages, as if they
 * lay in tfjs-core/src beside node_modules. They are not installed.
 */
const TFJS_SOURCES = /\/tfjs(-[a-z]+)*\/src\//;
const SHARED = [/\/nn\/(layers|losses|optimizers)\//, /\/nn\/(train-step|clip-norm|augment)\.ts/];
/** Nothing that called it is of the network. */
const STEP = /\/nn\/train-step\.ts/;
/** tfjs's function that walks the tape: what called it is not what asked for the op. */
const BACKWARD = 'backpropagateGradients';

function isCarrier(file: string): boolean {
  return CARRIERS.some((pattern) => pattern.test(file)) || (TFJS_SOURCES.test(file) && !existsSync(file));
}

interface Frame {
  readonly file: string;
  readonly line: string;
}

function frames(stack: string): Frame[] {
  return [...stack.matchAll(/\(?((?:file:\/\/|\/)[^()\n]*?):(\d+):\d+\)?$/gm)].map(([, file = '', line = '']) => ({
    file: file.startsWith('file:') ? fileURLToPath(file) : file,
    line,
  }));
}

/** Frames between an op and the network that asked for it: tfjs's own take up to fifty. */
export const DEPTH = 200;

/** A moment's stack. It is cheap until it is read. */
export type Mark = Pick<Error, 'stack'>;

/** Marks the present call. */
export function mark(): Mark {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEPTH;
  const moment = new Error();
  Error.stackTraceLimit = limit;
  return moment;
}

/** What was asked for at a mark: by a network, or by the step around it, and whether while the tape was walked. */
export interface Origin {
  /** "file:line" of the innermost frame of a network (not of a shared layer, where a network called one); null: there is none. */
  readonly network: string | null;
  /** "file:line" of the innermost frame of ours; null: there is none. */
  readonly own: string | null;
}

/** Reads a mark. Where a gradient was being computed, only what its own function called counts. */
export function originOf({ stack = '' }: Mark): Origin {
  const inner = stack.includes(BACKWARD) ? stack.slice(0, stack.indexOf(BACKWARD)) : stack;
  const ours = frames(inner).filter(({ file }) => !isCarrier(file));
  const step = ours.findIndex(({ file }) => STEP.test(file));
  const within = step === -1 ? ours : ours.slice(0, step + 1);
  const shown = (frame: Frame | undefined): string | null =>
    frame === undefined ? null : `${frame.file}:${frame.line}`;
  return {
    network: shown(within.find(({ file }) => !SHARED.some((pattern) => pattern.test(file)))),
    own: shown(within[0]),
  };
}
