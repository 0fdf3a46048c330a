import { PRECISION_UNMEASURED } from '@voxhelm/algorithms/planner';
import type { ProbeResult } from '@voxhelm/contracts/jobs';
import type { Plan } from '@voxhelm/contracts/plan';
import { startState } from '@voxhelm/nn/initialize';
import { type Batch, engineChoice } from '@voxhelm/nn/training-engine';
import { openEngineThread } from '../training-thread.ts';
import { orAborted } from './or-aborted.ts';

type Precision = Plan['training']['precision'];

const MEASURED_STEPS = 2; // After one that allocates and chooses kernels.
/** A gain below this is not worth the lower precision. */
const LEAST_GAIN = 0.05;

/**
 * What the device computes a plan's steps faster in, from a few steps of each precision on one batch; null where the plan was
 * given its precision, or where everything is eager. Rejects with the signal's reason as soon as it aborts. `open`: another
 * engine in tests.
 */
export async function choosePrecision(
  plan: Plan,
  batch: Batch,
  signal: AbortSignal,
  open: typeof openEngineThread = openEngineThread,
): Promise<ProbeResult['precision']> {
  if (plan.reasons['training.precision'] !== PRECISION_UNMEASURED) return null;
  if (engineChoice(plan).engine === 'eager') return null;
  const stepMsIn = (precision: Precision): Promise<number> => {
    const engine = open(plan, { engine: 'compiled', precision });
    return orAborted(signal, measure(engine, plan, batch, signal));
  };
  const float32 = await stepMsIn('float32');
  const bfloat16 = await stepMsIn('bfloat16');
  const value: Precision = bfloat16 < (1 - LEAST_GAIN) * float32 ? 'bfloat16' : 'float32';
  const told = `${Math.round(bfloat16)} ms a step in bfloat16, ${Math.round(float32)} ms in float32`;
  return { value, reason: `measured on this device: ${told}` };
}

/** Milliseconds of a step, the first left out. */
async function measure(
  opening: ReturnType<typeof openEngineThread>,
  plan: Plan,
  batch: Batch,
  signal: AbortSignal,
): Promise<number> {
  const engine = await opening;
  try {
    await engine.assign(startState(0, engine.groups));
    const times: number[] = [];
    for (let step = 1; step <= 1 + MEASURED_STEPS; step++) {
      signal.throwIfAborted();
      const started = performance.now();
      await engine.step(batch, { step, learningRate: plan.training.learningRate, seed: 0 });
      times.push(performance.now() - started);
    }
    return Math.min(...times.slice(1));
  } finally {
    await engine.close();
  }
}
