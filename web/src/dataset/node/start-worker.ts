/* imaging/datasets/start-worker.ts in the browser: the check runs in one worker and starts no others. */

/** Never called with `workers: 1`. */
export function startWorker(): never {
  throw new Error('the browser checks in one thread');
}
