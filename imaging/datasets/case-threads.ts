import type { Worker } from 'node:worker_threads';
import { VoxhelmError } from '@voxhelm/contracts/errors';
import type { QueueAnswer, QueueData } from './case-queue.ts';
import type { CaseOutcome, CaseTask } from './check-case.ts';
import { startWorker } from './start-worker.ts';

/** Checks one case in a thread of its own, so that the caller's goes on answering while voxels are read. */
export async function checkInThread(task: CaseTask): Promise<CaseOutcome> {
  const queue: QueueData = { tasks: [task], counter: new SharedArrayBuffer(4) };
  let outcome: CaseOutcome | undefined;
  await endOf(startWorker(new URL('./case-worker.ts', import.meta.url), queue), (answer) => {
    outcome = answer.outcome;
  });
  if (outcome === undefined) throw new VoxhelmError('internal', 'a checking thread ended without an answer');
  return outcome;
}

/** Hands a thread's answers on until it ends; rejects with `out-of-memory` or `internal` where it fails. */
export function endOf(worker: Worker, accept: (answer: QueueAnswer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', accept);
    worker.once('error', (error: Error & { code?: string }) => {
      const outOfMemory = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
      reject(
        new VoxhelmError(outOfMemory ? 'out-of-memory' : 'internal', `a checking thread failed: ${error.message}`, {
          ...(outOfMemory ? { fix: 'Check with fewer workers.' } : {}),
          cause: error,
        }),
      );
    });
    worker.once('exit', () => resolve());
  });
}
