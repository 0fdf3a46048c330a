import { type Tensor5D, tf } from '@voxhelm/nn/engine';
import { initialParameters } from '@voxhelm/nn/initialize';
import type { Network } from '@voxhelm/nn/network';
import { createOptimizer, startingState } from '@voxhelm/nn/optimizers/create-optimizer';
import { optimizerOf } from '@voxhelm/nn/optimizers/optimizer';
import { lossAndGradients } from '@voxhelm/nn/train-step';
import type { Batch } from '@voxhelm/nn/training-engine';
import { median } from '../lib/statistics.ts';
import { planOf, type StepConfiguration } from './configuration.ts';

/** Milliseconds of the parts of an eager step. */
export interface StepSplit {
  /** The network's forward pass. */
  readonly forwardMs: number;
  /** Loss, gradients and clipping. */
  readonly backwardMs: number;
  readonly optimizerMs: number;
}

const REPEATS = 3;

/** Times the parts of a step one by one: the trainer's own functions, with a clock between them (medians of three). */
export function splitStep(configuration: StepConfiguration, network: Network, batch: Batch): StepSplit {
  const { training } = planOf(configuration, 1);
  let forwardEnded = 0;
  const clocked: Network = {
    ...network,
    forward(...args) {
      const outputs = network.forward(...args);
      forwardEnded = performance.now();
      return outputs;
    },
  };
  const compute = lossAndGradients(clocked, training);
  const weights = initialParameters(network, 0);
  const spec = optimizerOf(training);
  const optimizer = createOptimizer(spec, startingState(spec, weights));
  const { patch, inChannels } = configuration;
  const image = tf.tensor(batch.image, [configuration.batch, ...patch, inChannels], 'float32') as Tensor5D;
  const classes = tf.tensor(Int32Array.from(batch.classes), [configuration.batch, ...patch], 'int32');
  const times = Array.from({ length: REPEATS + 1 }, (_, repeat) => {
    const current = optimizer.weights();
    const started = performance.now();
    const { loss, gradients } = compute(current, image, classes, null);
    const computed = performance.now();
    for (const tensor of [loss, ...current.values()]) tensor.dispose();
    optimizer.apply(gradients, { learningRate: 1e-3, step: repeat + 1 });
    const applied = performance.now();
    for (const tensor of gradients.values()) tensor.dispose();
    return { forward: forwardEnded - started, backward: computed - forwardEnded, optimizer: applied - computed };
  }).slice(1);
  tf.dispose([image, classes]);
  optimizer.dispose();
  return {
    forwardMs: median(times.map((each) => each.forward)),
    backwardMs: median(times.map((each) => each.backward)),
    optimizerMs: median(times.map((each) => each.optimizer)),
  };
}
