import type { Plan } from '@voxhelm/contracts/plan';
import { forward } from './eager-forward.ts';
import { type Scalar, type Tensor, type Tensor5D, tf } from './engine.ts';
import { valuesOf } from './initialize.ts';
import type { Network, Parameters } from './network.ts';
import { createOptimizer } from './optimizers/create-optimizer.ts';
import { emaDecay, emaUpdate } from './optimizers/ema.ts';
import { type Optimizer, optimizerOf } from './optimizers/optimizer.ts';
import { stepSeed } from './random-seed.ts';
import { createTrainStep, type DeviceBatch, stepPlan } from './train-step.ts';
import type { EngineState, EngineStatus, StartState, StateValues, TrainingEngine } from './training-engine.ts';
import { microBatches, stateGroups } from './training-state.ts';
import { disposeParameters, storeParameters, toParameters } from './weights.ts';

/*
 * The reference engine: each op computes when it is called, in float32.
 */

function tensorsOf(network: Network, state: StartState, group: string): Parameters {
  const given = state.get(group);
  if (given === undefined) throw new RangeError(`the state lacks ${group}`);
  const values = valuesOf(network, given);
  return toParameters(network, ({ name, shape }) => {
    if (values === 'zeros') return new Float32Array(shape.reduce((a, b) => a * b, 1));
    const value = values.get(name);
    if (value === undefined) throw new RangeError(`${group} lacks the parameter ${name}`);
    return value;
  });
}

function storedValues(network: Network, parameters: Parameters): StateValues {
  const stored = storeParameters(network, parameters);
  return new Map([...stored].map(([name, { data }]) => [name, data as Float32Array]));
}

/** Opens the eager engine for a plan's training. */
export function openEagerEngine(network: Network, plan: Plan): TrainingEngine {
  const { accumulate, ema } = plan.training;
  const spec = optimizerOf(plan.training);
  const trainStep = createTrainStep(network, stepPlan(plan));
  const grid = [plan.batchSize, ...plan.patchSize];
  let optimizer: Optimizer | null = null;
  /** Running mean of the weights, where the plan keeps one. */
  let mean: Parameters | null = null;
  /** Losses that were not read back yet, by step. */
  let unread: { step: number; loss: Scalar }[] = [];
  let status: EngineStatus = { loss: Number.NaN, diverged: null };

  function training(): Optimizer {
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
    if (mean !== null) disposeParameters(mean);
    mean = null;
  }

  /** The weights that predict; the caller disposes. */
  function predicting(): Parameters {
    return mean === null ? training().weights() : new Map([...mean].map(([name, tensor]) => [name, tf.clone(tensor)]));
  }

  function moveMean(decay: number, step: number): void {
    const weights = training().weights();
    const before = mean as Parameters;
    const moved = tf.tidy(() => {
      const now = emaDecay(decay, tf.scalar(step));
      return [...before].map(([name, tensor]) => emaUpdate(tensor, weights.get(name) as Tensor, now));
    });
    mean = new Map([...before.keys()].map((name, i) => [name, moved[i] as Tensor]));
    disposeParameters(before);
    disposeParameters(weights);
  }

  return {
    groups: stateGroups(plan),
    async assign(state) {
      forget();
      const tensors = new Map(stateGroups(plan).map((group) => [group, tensorsOf(network, state, group)]));
      mean = tensors.get('ema') ?? null;
      tensors.delete('ema');
      optimizer = createOptimizer(spec, tensors);
    },
    async state(): Promise<EngineState> {
      const groups = training().state();
      const state = new Map([...groups].map(([group, tensors]) => [group, storedValues(network, tensors)]));
      for (const tensors of groups.values()) disposeParameters(tensors);
      return mean === null ? state : state.set('ema', storedValues(network, mean));
    },
    async weights() {
      const weights = predicting();
      const values = storedValues(network, weights);
      disposeParameters(weights);
      return values;
    },
    async step(batch, numbers) {
      const batches = microBatches(batch, accumulate).map(({ image, classes }, i): DeviceBatch => {
        const shape = [...grid, network.inChannels] as Tensor5D['shape'];
        return {
          image: tf.tensor(image, shape, 'float32') as Tensor5D,
          classes: tf.tensor(Int32Array.from(classes), grid, 'int32'),
          seed: tf.tensor1d(stepSeed(numbers, i), 'int32'),
        };
      });
      unread.push({ step: numbers.step, loss: trainStep(training(), batches, numbers) });
      for (const { image, classes, seed } of batches) tf.dispose([image, classes, seed as Tensor]);
      if (ema !== null) moveMean(ema, numbers.step);
    },
    async status() {
      readLosses();
      return status;
    },
    async predict(windows, count) {
      const weights = predicting();
      const values = forward(network, weights, windows, [count, ...plan.patchSize]);
      disposeParameters(weights);
      return values;
    },
    async close() {
      forget();
    },
  };
}
