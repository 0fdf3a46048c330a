import * as core from '@tensorflow/tfjs-core';

/*
 * Stands in for nn/engine.ts where the code runs in a browser (vite.config.ts puts it there): the same ops, on a backend
 * that a browser has. Nothing of TensorFlow's native library is here.
 */

/** TensorFlow.js without a backend of its own; backend.ts brings one. */
export const tf = core;

/** Number of live tensors, to watch for leaks. */
export function memoryTensors(): number {
  return core.memory().numTensors;
}
