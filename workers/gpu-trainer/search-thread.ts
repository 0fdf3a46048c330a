import { type MessagePort, parentPort } from 'node:worker_threads';
import { architectureSearcherOf } from '@voxhelm/algorithms/network-searchers';
import type { Plan } from '@voxhelm/contracts/plan';
import { serveAlternation } from '@voxhelm/nn/alternating-engine';
import type { EngineChoice } from '@voxhelm/nn/training-engine';

/*
 * The program of the thread that computes a search's steps: the job's own thread goes on answering meanwhile.
 */

serveAlternation(parentPort as MessagePort, (plan: Plan, precision: EngineChoice['precision']) =>
  architectureSearcherOf(plan).openEngine(plan, precision),
);
