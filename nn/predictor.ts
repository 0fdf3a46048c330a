import { setImmediate } from 'node:timers/promises';
import type { Plan } from '@voxhelm/contracts/plan';
import { openForward } from './forward.ts';
import type { Network } from './network.ts';
import { type EngineChoice, engineChoice, type WindowFunction } from './training-engine.ts';
import { createWindowPredictor, type Predictor, type WindowPlan } from './window-predictor.ts';

/*
 * A predictor that computes here, in this process's engine.
 */

/** What of a plan a prediction needs. */
export type PredictionPlan = WindowPlan &
  Pick<Plan, 'inference'> & { readonly training: Pick<Plan['training'], 'precision'> };

/**
 * A predictor over the bytes of a safetensors file in PyTorch's layout under the reference's names; throws `bad-checkpoint`
 * where they are not this network's. It computes in the plan's engine and precision, or those given.
 */
export function createPredictor(
  network: Network,
  plan: PredictionPlan,
  weights: Uint8Array,
  choice: EngineChoice = engineChoice(plan),
): Predictor {
  const forward = openForward(network, plan.patchSize, [1, plan.inference.windowBatchSize], weights, choice);
  const compute: WindowFunction = async (windows, count) => {
    // Lets heartbeats and cancellation through between windows: the computation itself blocks.
    await setImmediate();
    return forward.compute(windows, count);
  };
  return { ...createWindowPredictor(network, plan, compute), dispose: () => forward.dispose() };
}
