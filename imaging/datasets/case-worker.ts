import { parentPort, workerData } from 'node:worker_threads';
import { type QueueData, takeCase } from './case-queue.ts';
import type { StartedWith } from './start-worker.ts';

/* A thread of check-and-analyze.ts: checks cases until none is left. It imports nothing that it does not need. */

const queue = (workerData as StartedWith<QueueData>).data;
for (let answer = takeCase(queue); answer !== null; answer = takeCase(queue)) {
  parentPort?.postMessage(answer);
}
