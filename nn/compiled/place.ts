import { fileURLToPath } from 'node:url';

/*
 * Where in the source an op was asked for, from the stack of the moment.
 */

/** Folders whose frames carry a step but are not what its author wrote: the tracer, tfjs, and the shared layers. */
const CARRIERS = [/node_modules/, /\/nn\/compiled\/(?!.*\.test\.)/, /\/nn\/(raw-op|engine)\.ts/, /^node:/];
const SHARED = [/\/nn\/(layers|losses|optimizers)\//, /\/nn\/(train-step|clip-norm)\.ts/];

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
const DEPTH = 200;

function deepStack(): string {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DEPTH;
  const { stack } = new Error();
  Error.stackTraceLimit = limit;
  return stack ?? '';
}

/**
 * "file:line" of the innermost frame of the present call that belongs to a network (not to a shared layer, where a network
 * called one), or of the innermost frame of ours.
 */
export function currentPlace(): string {
  const own = frames(deepStack()).filter(({ file }) => !CARRIERS.some((pattern) => pattern.test(file)));
  const network = own.find(({ file }) => !SHARED.some((pattern) => pattern.test(file)));
  const frame = network ?? own[0];
  return frame === undefined ? 'an unknown place' : `${frame.file}:${frame.line}`;
}
