import { openProgram } from './compiled/program.ts';
import { forward as computeEagerly } from './eager-forward.ts';
import type { Network } from './network.ts';
import type { Triple } from './sliding-window.ts';
import type { EngineChoice } from './training-engine.ts';
import { decodeSafetensors, disposeParameters, loadParameters, readValues } from './weights.ts';

/** A network's forward pass in inference mode, with its weights, in this thread. */
export interface Forward {
  /** Logits [count, x, y, z, class] of windows [count, x, y, z, channel]. Blocks. */
  compute(windows: Float32Array, count: number): Float32Array;
  /** Other weights, in the same form as the first: the program stays loaded. */
  load(weights: Uint8Array): void;
  dispose(): void;
}

/**
 * Opens a forward pass on the bytes of a safetensors file; throws `bad-checkpoint` where they are not this network's.
 * `windowBatches`: numbers of windows that it will be asked to compute at once (another number is padded to the next).
 */
export function openForward(
  network: Network,
  patchSize: Triple,
  windowBatches: readonly number[],
  weights: Uint8Array,
  choice: EngineChoice,
): Forward {
  return choice.engine === 'eager'
    ? eagerForward(network, patchSize, weights)
    : compiledForward(network, patchSize, windowBatches, weights, choice.precision);
}

function eagerForward(network: Network, patchSize: Triple, bytes: Uint8Array): Forward {
  let weights = loadParameters(network, decodeSafetensors(bytes));
  return {
    compute: (windows, count) => computeEagerly(network, weights, windows, [count, ...patchSize]),
    load(others) {
      const loaded = loadParameters(network, decodeSafetensors(others));
      disposeParameters(weights);
      weights = loaded;
    },
    dispose: () => disposeParameters(weights),
  };
}

function compiledForward(
  network: Network,
  patchSize: Triple,
  windowBatches: readonly number[],
  bytes: Uint8Array,
  precision: EngineChoice['precision'],
): Forward {
  // Before the program, so that a wrong file is told of without waiting for one.
  const weights = readValues(network, decodeSafetensors(bytes));
  const program = openProgram({
    network,
    precision,
    patchSize,
    training: null,
    windowBatches: [...new Set(windowBatches)],
  });
  program.assign('weights', weights);
  return {
    compute: (windows, count) => program.predict(windows, count),
    load: (others) => program.assign('weights', readValues(network, decodeSafetensors(others))),
    dispose: () => program.dispose(),
  };
}
