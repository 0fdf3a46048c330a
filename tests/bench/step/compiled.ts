import { openProgram, type Program, type ProgramBatch } from '@voxhelm/nn/compiled/program';
import { initialValues } from '@voxhelm/nn/initialize';
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
  for (const group of program.groups) {
    const values = network.specs.map((spec) => {
      const initial = initialValues(spec, 0);
      return [spec.name, group === 'weights' ? initial : new Float32Array(initial.length)] as const;
    });
    program.assign(group, new Map(values));
  }
  return program;
}

const REPEATS = 3;

/**
 * The parts of a compiled step, from what its signatures take: the loss alone is the forward pass; a micro-batch that is
 * only added up is forward and backward; the rest of a step is clipping and the optimiser.
 */
export function splitCompiled(
  configuration: StepConfiguration,
  network: Network,
  batch: ProgramBatch,
  stepMs: number,
): StepSplit {
  const program = openCompiled(configuration, network, 2);
  const time = (work: (step: number) => void): number => {
    const times = Array.from({ length: REPEATS + 1 }, (_, repeat) => {
      const started = performance.now();
      work(repeat + 1);
      return performance.now() - started;
    });
    return median(times.slice(1));
  };
  const forwardMs = time((step) => program.loss(batch, { step, seed: 0 }));
  const twoMs = time((step) => program.step([batch, batch], { step, learningRate: 1e-3, seed: 0 }));
  program.dispose();
  const gradientsMs = twoMs - stepMs;
  return { forwardMs, backwardMs: gradientsMs - forwardMs, optimizerMs: stepMs - gradientsMs };
}
