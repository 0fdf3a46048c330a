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

/**
 * "file:line" of the innermost frame that belongs to a network (not to a shared layer, where a network called one), or of
 * the innermost frame of ours. `stack` as in Error.stack, deep enough (Error.stackTraceLimit).
 */
export function placeOf(stack: string | undefined): string {
  const own = frames(stack ?? '').filter(({ file }) => !CARRIERS.some((pattern) => pattern.test(file)));
  const network = own.find(({ file }) => !SHARED.some((pattern) => pattern.test(file)));
  const frame = network ?? own[0];
  return frame === undefined ? 'an unknown place' : `${frame.file}:${frame.line}`;
}
