import type { Plan } from '@voxhelm/contracts/plan';
import type { ComputePrecision } from './compiled/autocast.ts';
import { openProgram, type TrainingSpec } from './compiled/program.ts';
import { valuesOf } from './initialize.ts';
import type { Network } from './network.ts';
import { optimizerOf } from './optimizers/optimizer.ts';
import { stepPlan } from './train-step.ts';
import type { TrainingEngine } from './training-engine.ts';
import { microBatches } from './training-state.ts';

/*
 * The compiled engine: the step, the forward pass and the transfer of state as signatures of one program.
 */

function trainingSpec(plan: Plan): TrainingSpec {
  const { accumulate, ema } = plan.training;
  return { plan: stepPlan(plan), batchSize: plan.batchSize, optimizer: optimizerOf(plan.training), accumulate, ema };
}

/** Opens the compiled engine for a plan's training. Throws `invalid-request` where the step cannot be traced. */
export function openCompiledEngine(network: Network, plan: Plan, precision: ComputePrecision): TrainingEngine {
  const program = openProgram({
    network,
    precision,
    patchSize: plan.patchSize,
    training: trainingSpec(plan),
    windowBatches: [...new Set([1, plan.inference.windowBatchSize])],
  });
  return {
    groups: program.groups,
    async assign(state) {
      for (const group of program.groups) {
        const values = state.get(group);
        if (values === undefined) throw new RangeError(`the state lacks ${group}`);
        program.assign(group, valuesOf(network, values));
      }
    },
    state: async () => new Map(program.groups.map((group) => [group, program.read(group)])),
    weights: async () => program.read(program.groups.includes('ema') ? 'ema' : 'weights'),
    async step(batch, numbers) {
      const parts = microBatches(batch, plan.training.accumulate);
      program.step(
        parts.map(({ image, classes }) => ({ image, classes: Int32Array.from(classes) })),
        numbers,
      );
    },
    async status() {
      const { loss, divergedAt } = program.status();
      // The program keeps the first step's number; its loss is known where it was the last.
      const diverged = divergedAt === 0 ? null : { step: divergedAt, loss: Number.isFinite(loss) ? null : loss };
      return { loss, diverged };
    },
    predict: async (windows, count) => program.predict(windows, count),
    close: async () => program.dispose(),
  };
}
