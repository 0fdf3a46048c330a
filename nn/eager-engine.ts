import type { Plan } from '@voxhelm/contracts/plan';
import { type Scalar, type Tensor5D, tf } from './engine.ts';
import type { Network, Parameters } from './network.ts';
import { createAdamw } from './optimizers/adamw.ts';
import type { Adamw } from './optimizers/adamw-state.ts';
import { lossAndGradients, trainStep } from './train-step.ts';
import type { EngineState, EngineStatus, StateValues, TrainingEngine } from './training-engine.ts';
import { disposeParameters, storeParameters, toParameters } from './weights.ts';

/*
 * The reference engine: each op computes when it is called, in float32.
 */

function tensorsOf(network: Network, values: StateValues | undefined, group: string): Parameters {
  if (values === undefined) throw new RangeError(`the state lacks ${group}`);
  return toParameters(network, ({ name }) => {
    const value = values.get(name);
    if (value === undefined) throw new RangeError(`${group} lacks the parameter ${name}`);
    return value;
  });
}

function valuesOf(network: Network, parameters: Parameters): StateValues {
  const stored = storeParameters(network, parameters);
  return new Map([...stored].map(([name, { data }]) => [name, data as Float32Array]));
}

/** Opens the eager engine for a plan's training. */
export function openEagerEngine(network: Network, plan: Plan): TrainingEngine {
  const compute = lossAndGradients(network, plan.training);
  const grid = [plan.batchSize, ...plan.patchSize];
  let optimizer: Adamw | null = null;
  /** Losses that were not read back yet, by step. */
  let unread: { step: number; loss: Scalar }[] = [];
  let status: EngineStatus = { loss: Number.NaN, diverged: null };

  function training(): Adamw {
    if (optimizer === null) throw new RangeError('the engine was given no state to train from');
    return optimizer;
  }

  function readLosses(): void {
    for (const { step, loss } of unread.splice(0)) {
      const value = loss.dataSync()[0] as number;
      loss.dispose();
      const diverged = status.diverged ?? (Number.isFinite(value) ? null : { step, loss: value });
      status = { loss: value, diverged };
    }
  }

  function forget(): void {
    for (const { loss } of unread) loss.dispose();
    unread = [];
    optimizer?.dispose();
    optimizer = null;
  }

  return {
    groups: ['weights', 'exp_avg', 'exp_avg_sq'],
    async assign(state) {
      forget();
      optimizer = createAdamw({
        weights: tensorsOf(network, state.get('weights'), 'weights'),
        mean: tensorsOf(network, state.get('exp_avg'), 'exp_avg'),
        square: tensorsOf(network, state.get('exp_avg_sq'), 'exp_avg_sq'),
      });
    },
    async state(): Promise<EngineState> {
      const { weights, mean, square } = training().state();
      const groups = [
        ['weights', weights],
        ['exp_avg', mean],
        ['exp_avg_sq', square],
      ] as const;
      const state = new Map(groups.map(([group, tensors]) => [group, valuesOf(network, tensors)]));
      for (const [, tensors] of groups) disposeParameters(tensors);
      return state;
    },
    async weights() {
      const weights = training().weights();
      const values = valuesOf(network, weights);
      disposeParameters(weights);
      return values;
    },
    async step(batch, { learningRate, step }) {
      const image = tf.tensor(batch.image, [...grid, network.inChannels] as Tensor5D['shape'], 'float32') as Tensor5D;
      const classes = tf.tensor(Int32Array.from(batch.classes), grid, 'int32');
      const scalars = { learningRate, weightDecay: plan.training.weightDecay, t: step };
      unread.push({ step, loss: trainStep(compute, training(), image, classes, scalars) });
      tf.dispose([image, classes]);
    },
    async status() {
      readLosses();
      return status;
    },
    async predict(windows, count) {
      const weights = training().weights();
      const values = forward(network, weights, windows, [count, ...plan.patchSize]);
      disposeParameters(weights);
      return values;
    },
    async close() {
      forget();
    },
  };
}

/** Logits of windows by weights that stay the caller's. `grid`: [count, x, y, z]. */
export function forward(
  network: Network,
  weights: Parameters,
  windows: Float32Array,
  grid: readonly number[],
): Float32Array {
  // The tidy returns a tensor, never its values: it would look for tensors in them, one by one.
  const logits = tf.tidy(() => {
    const x = tf.tensor(windows, [...grid, network.inChannels] as Tensor5D['shape']) as Tensor5D;
    return network.forward(weights, x, { training: false, seed: 0 })[0] as Tensor5D;
  });
  const values = logits.dataSync<'float32'>() as Float32Array;
  logits.dispose();
  return values;
}
