import type { Plan } from '@voxhelm/contracts/plan';
import { connectEngine } from '@voxhelm/nn/engine-thread';
import { type EngineChoice, engineChoice, type OpenEngine, type TrainingEngine } from '@voxhelm/nn/training-engine';
import { typescriptThread } from './typescript-loader.ts';

/** Starts a thread for a plan's engine, or for the one given. The thread ends when the engine is closed. */
export function openEngineThread(plan: Plan, choice: EngineChoice = engineChoice(plan)): Promise<TrainingEngine> {
  return connectEngine(typescriptThread(new URL('./engine-thread.ts', import.meta.url)), plan, choice);
}

/** For the training loop: its engine in a thread of its own. */
export const inThread: OpenEngine = (_, plan) => openEngineThread(plan);
