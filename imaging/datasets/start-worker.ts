import { Worker } from 'node:worker_threads';

/** What a worker thread started by {@link startWorker} finds in `workerData`. */
export interface StartedWith<T> {
  readonly file: string;
  readonly data: T;
}

/**
 * Starts a TypeScript file as a worker thread, under tsx, vitest and plain Node alike. Node 22.18 and later run
 * TypeScript by themselves, which starts faster; before, tsx does. The thread finds `data` in `workerData.data`.
 */
export function startWorker<T>(file: URL, data: T): Worker {
  const workerData: StartedWith<T> = { file: file.href, data };
  const native = (process.features as { typescript?: unknown }).typescript;
  if (native === 'strip' || native === 'transform') {
    return new Worker(file, { workerData, execArgv: ['--disable-warning=ExperimentalWarning'] });
  }
  return new Worker(new URL('./worker-bootstrap.mjs', import.meta.url), { workerData, execArgv: [] });
}
