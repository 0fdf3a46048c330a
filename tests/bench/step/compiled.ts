import { openProgram, type Program, type ProgramBatch } from '@voxhelm/nn/compiled/program';
import { startState, valuesOf } from '@voxhelm/nn/initialize';
import type { Network } from '@voxhelm/nn/network';
import { median } from '../lib/statistics.ts';
import { planOf, type StepConfiguration } from './configuration.ts';
import type { StepSplit } from './split.ts';

/** A program of the configuration with its first weights. `accumulate`: micro-batches a step. */
export function openCompiled(configuration: StepConfiguration, network: Network, accumulate: number): Program {
  const { training } = planOf(configuration, 1);
  const program = openProgram({
    network,
    precision: configuration.precision,
    patchSize: configuration.patch,
    windowBatches: [],
    training: {
      plan: training,
      batchSize: configuration.batch,
      optimizer: { name: 'adamw', learningRate: 1e-3, weightDecay: 1e-5 },
      accumulate,
      ema: null,
    },
  });
  for (const [group, values] of startState(0, program.groups)) program.assign(group, valuesOf(network, values));
  return program;
}

const REPEATS = 5;

/**
 * The parts of a compiled step that takes `stepMs` (medians of five rounds): the loss alone is the forward pass; what a second
 * micro-batch adds is forward and backward; the rest of a step is clipping and the optimiser.
 */
export function splitCompiled(
  configuration: StepConfiguration,
  network: Network,
  batch: ProgramBatch,
  stepMs: number,
): StepSplit {
  const program = openCompiled(configuration, network, 2);
  const clock = (work: () => void): number => {
    const started = performance.now();
    work();
    return performance.now() - started;
  };
  const rounds = Array.from({ length: REPEATS + 1 }, (_, repeat) => {
    const numbers = { step: repeat + 1, learningRate: 1e-3, seed: 0 };
    const forwardMs = clock(() => program.loss(batch, numbers));
    const gradientsMs = clock(() => program.step([batch, batch], numbers)) - stepMs;
    return { forwardMs, backwardMs: gradientsMs - forwardMs, optimizerMs: stepMs - gradientsMs };
  }).slice(1);
  program.dispose();
  const middle = (part: keyof StepSplit): number => Math.max(0, median(rounds.map((round) => round[part])));
  return { forwardMs: middle('forwardMs'), backwardMs: middle('backwardMs'), optimizerMs: middle('optimizerMs') };
}
