import { createRequire } from 'node:module';
import { availableParallelism, cpus, totalmem } from 'node:os';
import * as util from 'node:util';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { Device } from '@voxhelm/contracts/plan';
import { visibleGpu } from './gpu.ts';

/*
 * The only place that loads TensorFlow. Everything that computes on tensors takes `tf` from here.
 */

type Tensorflow = typeof import('@tensorflow/tfjs-node-gpu');

/** A tensor of any rank. */
export type Tensor = import('@tensorflow/tfjs-node-gpu').Tensor;
/** A vector. */
export type Tensor1D = import('@tensorflow/tfjs-node-gpu').Tensor1D;
/** A volume batch: [batch, x, y, z, channel]. */
export type Tensor5D = import('@tensorflow/tfjs-node-gpu').Tensor5D;
/** A single value. */
export type Scalar = import('@tensorflow/tfjs-node-gpu').Scalar;

/**
 * Node 23 dropped the type tests of `node:util` (deprecated since 2016) that tfjs-node 4.22 still calls; they are set
 * back before it loads.
 */
function restoreUtilTypeTests(): void {
  const module = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  const tests: Record<string, (value: unknown) => boolean> = {
    isNullOrUndefined: (value) => value === null || value === undefined,
    isArray: Array.isArray,
    isString: (value) => typeof value === 'string',
    isNumber: (value) => typeof value === 'number',
    isBoolean: (value) => typeof value === 'boolean',
    isObject: (value) => typeof value === 'object' && value !== null,
    isFunction: (value) => typeof value === 'function',
    isDate: (value) => util.types.isDate(value),
    isRegExp: (value) => util.types.isRegExp(value),
  };
  for (const [name, test] of Object.entries(tests)) {
    if (typeof module[name] !== 'function') module[name] = test;
  }
}

function load(): Tensorflow {
  restoreUtilTypeTests();
  // TensorFlow's start-up notes (which instruction sets it uses) are not for the user; errors stay.
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  // The CUDA build computes on the CPU where it sees no GPU.
  if (process.env['VOXHELM_DEVICE'] === 'cpu') process.env['CUDA_VISIBLE_DEVICES'] = '-1';
  try {
    const module = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu') as Tensorflow;
    // Production mode keeps tfjs's advice off the console.
    module.env().set('PROD', true);
    return module;
  } catch (cause) {
    throw new VoxhelmError('not-installed', `TensorFlow could not be loaded: ${String(cause)}`, {
      fix: 'Run "npm run setup", which builds it; "npx voxhelm doctor" tells what is missing.',
      cause,
    });
  }
}

/** TensorFlow.js on libtensorflow. Loaded once per process; throws `not-installed` where the library is missing. */
export const tf: Tensorflow = load();

/** Number of live tensors, to watch for leaks. */
export function memoryTensors(): number {
  return tf.memory().numTensors;
}

/** Whether the engine computes on a GPU. */
export function computesOnGpu(): boolean {
  return (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
}

/** Bytes that this process and all others of its container may have; without a container's limit the machine's. */
function machineMemory(): number {
  const limit = process.constrainedMemory(); // 0 or far more than there is where nothing limits it.
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

let gpu: ReturnType<typeof visibleGpu> | undefined;

/**
 * The device that the engine computes on; on a GPU its name and memory by the driver's word (asked once a process).
 * Throws `not-installed` where VOXHELM_DEVICE asks for CUDA and TensorFlow found no GPU: nothing falls back silently.
 */
export function deviceInfo(): Device {
  const cores = availableParallelism();
  if (computesOnGpu()) {
    gpu ??= visibleGpu(process.env['CUDA_VISIBLE_DEVICES']);
    return { kind: 'cuda', name: gpu?.name ?? 'GPU', memoryBytes: gpu?.memoryBytes ?? totalmem(), cores };
  }
  if (process.env['VOXHELM_DEVICE'] === 'cuda') {
    throw new VoxhelmError('not-installed', 'VOXHELM_DEVICE is cuda, but TensorFlow finds no GPU', {
      fix: 'Run "npm run setup -- --device cuda", and "npx voxhelm doctor", which tells what is missing; or unset VOXHELM_DEVICE.',
    });
  }
  return { kind: 'cpu', name: cpus()[0]?.model.trim() ?? 'CPU', memoryBytes: machineMemory(), cores };
}
