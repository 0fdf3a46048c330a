import type { ArchitectureSearcher } from '@voxhelm/algorithms/network-searchers';
import type { Plan } from '@voxhelm/contracts/plan';
import { connectAlternation } from '@voxhelm/nn/alternating-engine';
import { connectEngine } from '@voxhelm/nn/engine-thread';
import { type EngineChoice, engineChoice, type OpenEngine, type TrainingEngine } from '@voxhelm/nn/training-engine';
import { typescriptThread } from './typescript-loader.ts';

/** Starts a thread for a plan's engine, or for the one given. The thread ends when the engine is closed. */
export function openEngineThread(plan: Plan, choice: EngineChoice = engineChoice(plan)): Promise<TrainingEngine> {
  return connectEngine(typescriptThread(new URL('./engine-thread.ts', import.meta.url)), plan, choice);
}

/** For the training loop: its engine in a thread of its own. */
export const inThread: OpenEngine = (_, plan) => openEngineThread(plan);

/** For a search of an architecture: its engine in a thread of its own. */
export const searchInThread: ArchitectureSearcher['openEngine'] = (plan, precision) =>
  connectAlternation(typescriptThread(new URL('./search-thread.ts', import.meta.url)), plan, precision);
