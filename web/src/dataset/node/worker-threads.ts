/* node:worker_threads for the browser: the check runs in one worker, which starts no others. */

export const parentPort = null;
export const workerData = null;

export class Worker {
  constructor() {
    throw new Error('the browser checks in one thread');
  }
}
