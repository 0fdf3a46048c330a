import type { MessagePort, Worker } from 'node:worker_threads';
import type { Plan } from '@voxhelm/contracts/plan';
import type { Network } from './network.ts';
import { openInThread, serveCalls } from './thread-calls.ts';
import { type EngineChoice, openEngine, type TrainingEngine } from './training-engine.ts';

/*
 * A training's engine in a thread of its own.
 */

/** Answers the requests of {@link connectEngine} in this thread. `networkOf`: the network that a plan names. */
export function serveEngine(port: MessagePort, networkOf: (network: Plan['network']) => Network): void {
  serveCalls(port, async (plan: Plan, choice: EngineChoice) => {
    const engine = await openEngine(networkOf(plan.network), plan, choice);
    return { facts: engine.groups, methods: engine };
  });
}

/** Opens an engine in a thread whose program calls {@link serveEngine}. The thread ends with the engine. */
export async function connectEngine(thread: Worker, plan: Plan, choice: EngineChoice): Promise<TrainingEngine> {
  const { call, close, facts } = await openInThread(thread, plan, choice);
  return {
    groups: facts as TrainingEngine['groups'],
    assign: (state) => call('assign', state) as Promise<void>,
    state: () => call('state') as ReturnType<TrainingEngine['state']>,
    weights: () => call('weights') as ReturnType<TrainingEngine['weights']>,
    step: (batch, numbers) => call('step', batch, numbers) as Promise<void>,
    status: () => call('status') as ReturnType<TrainingEngine['status']>,
    predict: (windows, count) => call('predict', windows, count) as Promise<Float32Array>,
    close,
  };
}
